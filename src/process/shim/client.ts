/**
 * The daemon's side of its shim: started with the first task, ended when the last one is some time
 * over, so that an idle daemon is one process.
 */
import { within } from "../../async/wait.ts";
import type { Logger } from "../../logging/logger.ts";
import { type Command, spawnTalking, type TalkingChild } from "../../runtime/spawn.ts";
import { identify, type ProcessIdentity, readBootId } from "../process-table.ts";
import type { Said } from "./output-tail.ts";
import type { FromShim, SpawnRequest, ToShim } from "./protocol.ts";
import { SpawnRefused, shimEnded, withoutShim } from "./refused.ts";
import { ShimWatch, wakeIfStopped } from "./shim-watch.ts";

const IDLE_MS = 60_000;
const ACKNOWLEDGE_MS = 20;
/** Of a shim that is dead: what it had said lies in the channel, and is read within a turn or two. */
const LAST_WORDS_MS = 1_000;

export interface Exited {
  readonly kind: "exited";
  readonly status: number;
  readonly said?: Said;
  /** When, in ms since 1970, of one that an earlier daemon had started. */
  readonly at?: number;
}

/** `lost`: the shim was killed, and the status that only it could learn is gone with it. */
export type Exit = Exited | { readonly kind: "lost" };

export interface Supervised {
  readonly identity: ProcessIdentity;
  /** Whose child it is, and who writes its status down should the daemon die; left out of one that is over. */
  readonly shim?: ProcessIdentity | undefined;
  /** It had ended before anybody was told of its start: nobody knows when that was. */
  readonly isOver: boolean;
  readonly exited: Promise<Exit>;
  /** The exit is on disk, or nobody wants it: the shim need not keep it. */
  acknowledge(): void;
}

export interface ShimClientOptions {
  /** The argv that starts a shim. */
  readonly command: readonly string[];
  readonly openFiles: number;
  /** Nobody is told of a shim in trouble unless given. */
  readonly log?: Pick<Logger, "warn">;
}

export type StartTalking = (command: Command, onMessage: (message: unknown) => void) => TalkingChild;

/** `input`: the end of what the process writes is then in its exit. */
export type SpawnExtras = Pick<SpawnRequest, "input" | "mark">;

type Spawned = Pick<Supervised, "identity" | "shim" | "isOver">;

interface Pending {
  readonly shim: TalkingChild;
  /** Null once it is. */
  spawned: PromiseWithResolvers<Spawned> | null;
  readonly exit: (exit: Exit) => void;
}

export class ShimClient implements Disposable {
  private readonly options: ShimClientOptions;
  private readonly start: StartTalking;
  private bootId: string | null = null;
  private readonly pending = new Map<number, Pending>();
  private shim: TalkingChild | null = null;
  /** Asked for once it has said something. */
  private shimIdentity: ProcessIdentity | undefined;
  private watch: ShimWatch | null = null;
  /** The present shim has said something. */
  private hasSpoken = false;
  private idleTimer: ReturnType<typeof setTimeout> | null = null;
  /** Exits that the shim need not keep any longer, and has not been told of. Those of an earlier one mean nothing to it. */
  private readonly settled: number[] = [];
  private settledTimer: ReturnType<typeof setTimeout> | null = null;
  private lastId = 0;

  constructor(options: ShimClientOptions, start: StartTalking = spawnTalking) {
    this.options = options;
    this.start = start;
  }

  /** `exitFile` null: the process ends with the daemon. Throws SpawnRefused. */
  async spawn(command: Command, exitFile: string | null, extras: SpawnExtras = {}): Promise<Supervised> {
    const shim = this.connect();
    this.lastId += 1;
    const id = this.lastId;
    const spawned = Promise.withResolvers<Spawned>();
    const exited = Promise.withResolvers<Exit>();
    this.pending.set(id, { shim, spawned, exit: exited.resolve });
    const { openFiles } = this.options;
    const settled = this.takeSettled();
    const daemonPid = process.pid;
    this.tell(shim, { op: "spawn", id, daemonPid, command, ...extras, exitFile, openFiles, settled });
    this.watch?.asked();
    return {
      ...(await spawned.promise),
      exited: exited.promise,
      acknowledge: this.acknowledgement(shim, id, exitFile !== null),
    };
  }

  /** Made in a place of its own: inside of `spawn` it would hold the command, with all its environment. */
  private acknowledgement(shim: TalkingChild, id: number, isKept: boolean): () => void {
    return () => {
      this.forget(id);
      if (this.shim === shim && isKept) this.acknowledgeSoon(shim, id);
    };
  }

  /** Leaves the running tasks to the shim. */
  [Symbol.dispose](): void {
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    if (this.shim !== null && this.settled.length > 0) {
      this.tell(this.shim, { op: "acknowledge", settled: this.takeSettled() });
    }
    this.shim?.disconnect();
    // One that was stopped hears of nothing, and stayed for good.
    if (this.shim !== null) wakeIfStopped(this.shim.pid);
    this.shim = null;
    this.endWatch();
  }

  private connect(): TalkingChild {
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    if (this.shim !== null) return this.shim;
    const shim = this.startShim();
    shim.unref();
    shim.exited.then(
      (status) => this.lose(shim, (hasSpoken) => shimEnded(status, hasSpoken)),
      (error) => this.lose(shim, () => withoutShim(error)),
    );
    this.shim = shim;
    this.shimIdentity = undefined;
    this.hasSpoken = false;
    this.watch = new ShimWatch({
      pid: shim.pid,
      oldestUnanswered: () => this.oldestUnanswered(),
      log: this.options.log ?? null,
    });
    return shim;
  }

  private startShim(): TalkingChild {
    try {
      return this.start({ argv: this.options.command, cwd: "/", env: {} }, (message) =>
        this.hear(message as FromShim),
      );
    } catch (error) {
      throw withoutShim(error);
    }
  }

  private oldestUnanswered(): number | null {
    for (const [id, { spawned }] of this.pending) if (spawned !== null) return id;
    return null;
  }

  private endWatch(): void {
    this.watch?.[Symbol.dispose]();
    this.watch = null;
  }

  private hear(message: FromShim): void {
    this.hasSpoken = true;
    const pending = this.pending.get(message.id);
    if (pending === undefined) return;
    switch (message.event) {
      case "spawned":
        this.begun(pending, message, message.startedAt);
        return;
      case "refused":
        pending.spawned?.reject(new SpawnRefused(message.code, message.message));
        this.forget(message.id);
        return;
      case "exited":
        this.begun(pending, message, null);
        pending.exit(exitOf(message));
        return;
      default:
        message satisfies never;
    }
  }

  /** `startedAt` null: it is over. */
  private begun(pending: Pending, { pid }: { readonly pid: number }, startedAt: string | null): void {
    this.bootId ??= readBootId();
    const identity = { pid, startedAt: startedAt ?? "", bootId: this.bootId };
    const isOver = startedAt === null;
    pending.spawned?.resolve({ identity, shim: isOver ? undefined : this.identityOf(pending.shim), isOver });
    pending.spawned = null;
  }

  /** Undefined of one that is gone already. */
  private identityOf(shim: TalkingChild): ProcessIdentity | undefined {
    if (shim !== this.shim) return undefined;
    this.shimIdentity ??= identify(shim.pid) ?? undefined;
    return this.shimIdentity;
  }

  private tell(shim: TalkingChild, message: ToShim): void {
    shim.send(message);
  }

  /** With the next spawn, or in a moment: one message less for each of many short tasks. */
  private acknowledgeSoon(shim: TalkingChild, id: number): void {
    this.settled.push(id);
    this.settledTimer ??= setTimeout(() => {
      this.settledTimer = null;
      if (this.shim === shim) this.tell(shim, { op: "acknowledge", settled: this.takeSettled() });
    }, ACKNOWLEDGE_MS);
    this.settledTimer.unref();
  }

  private takeSettled(): readonly number[] {
    return this.settled.splice(0);
  }

  private forget(id: number): void {
    this.pending.delete(id);
    if (this.idleTimer !== null) clearTimeout(this.idleTimer);
    if (this.pending.size > 0) return;
    this.idleTimer = setTimeout(() => this[Symbol.dispose](), IDLE_MS);
    this.idleTimer.unref();
  }

  /**
   * Killed from outside: whatever ran under it lost its parent, and with it its exit status. But for those that
   * it told of with its last breath: no runtime promises that they are heard before its end.
   */
  private async lose(shim: TalkingChild, why: (hasSpoken: boolean) => SpawnRefused): Promise<void> {
    if (this.shim !== shim) return;
    this.shim = null;
    this.endWatch();
    const { hasSpoken } = this;
    await within(shim.disconnected, LAST_WORDS_MS, undefined);
    for (const [id, { shim: own, spawned, exit }] of this.pending) {
      if (own !== shim) continue;
      spawned?.reject(why(hasSpoken));
      exit({ kind: "lost" });
      this.forget(id);
    }
  }
}

function exitOf({ status, said }: { readonly status: number; readonly said?: Said }): Exit {
  return { kind: "exited", status, ...(said === undefined ? {} : { said }) };
}
