/**
 * The shim's own side: starts what the daemon asks for, tells it how each ended, and when the daemon
 * dies keeps waiting and writes the statuses down. Ends when it has no daemon, no children, and nobody writes to it.
 */

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, wordsOf } from "../../logging/words-of.ts";
import { heardSpawner, type SpawnHeard } from "../../runtime/heard-child.ts";
import { compileForTasks } from "../../runtime/jit-policy.ts";
import { killGroup } from "../../runtime/kill-group.ts";
import { type LimitScope, RLIMIT_LOCKS, RLIMIT_NOFILE } from "../../runtime/limit-scope.ts";
import { PageKeeper } from "../../runtime/page-keeper.ts";
import { openSoftLimits } from "../../runtime/soft-limits.ts";
import { type Command, spawnDetached } from "../../runtime/spawn.ts";
import { birthmarkOf } from "../birthmark.ts";
import { readProcess } from "../process-table.ts";
import { type WrittenExit, writeExitFile, writeNeverBegun } from "./exit-file.ts";
import { type Before, openOomScore } from "./oom-score.ts";
import { Output } from "./output-tail.ts";
import type { FromShim, SpawnRequest, ToShim } from "./protocol.ts";

/** Below a limit lowered for a child, the shim must still find descriptors free. */
const SPARE_DESCRIPTORS = 64;
/**
 * To look a process up and to tell of it costs as much as a short one takes by itself, and nobody needs the
 * pid of one that has ended: it is told of when it has lived so long.
 */
const TELL_AFTER_MS = 2;
/**
 * The output of one child: a pipe for each stream, and the runtime's own copy of that, by which it reads. One that has
 * ended leaves it open to what it left running.
 */
const OUTPUT_DESCRIPTORS = 4;

/** A folder that cannot be written may be so for a while only: read-only, full, a network disk that is away. */
const WRITE_AGAIN_MS = 1_000;

/** True also when the folder is gone: nobody will ask there. */
function isWritten(exitFile: string, end: WrittenExit): boolean {
  try {
    writeExitFile(exitFile, end);
    return true;
  } catch {
    return isGone(dirname(exitFile));
  }
}

/** Not only out of reach: of a folder that may not be entered, or whose server is away, nobody knows. */
function isGone(dir: string): boolean {
  try {
    return statSync(dir, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

export interface ShimChannel {
  send(event: FromShim): void;
  onMessage(listener: (message: ToShim) => void): void;
  onDisconnect(listener: () => void): void;
}

interface Child {
  readonly pid: number;
  readonly exitFile: string | null;
  /** Null for a process that writes to the daemon's own. */
  readonly output: Output | null;
  /** 128+signal for a signal. */
  readonly exited: Promise<number>;
  /** Null while it runs. */
  end: WrittenExit | null;
}

/** Resolves when the shim has nothing left to do. */
export function runShim(channel: ShimChannel): Promise<void> {
  return new Promise((resolve) => new Shim(channel, resolve).start());
}

class Shim {
  private readonly children = new Map<number, Child>();
  private readonly withLimit: LimitScope | null;
  private readonly withBirthmark: LimitScope | null;
  private readonly endedBefore: Before;
  private readonly pages = new PageKeeper(() => this.children.size);
  private readonly channel: ShimChannel;
  private readonly done: () => void;
  /** What the daemon has not been told of, and since when, oldest first. */
  private readonly untold = new Map<number, number>();
  private tellTimer: ReturnType<typeof setTimeout> | null = null;
  private spawnHeard: SpawnHeard | null = null;
  private outputs = 0;
  private orphaned = false;

  constructor(channel: ShimChannel, done: () => void) {
    this.channel = channel;
    this.done = done;
    const softLimits = openSoftLimits();
    this.withLimit = softLimits?.(RLIMIT_NOFILE) ?? null;
    this.withBirthmark = process.platform === "linux" ? (softLimits?.(RLIMIT_LOCKS) ?? null) : null;
    this.endedBefore = openOomScore() ?? ((work) => work());
  }

  start(): void {
    this.channel.onMessage((message) => {
      for (const id of message.settled) this.children.delete(id);
      if (message.op === "spawn") this.spawn(message);
    });
    this.channel.onDisconnect(() => this.goOnAlone());
  }

  private spawn(request: SpawnRequest): void {
    const { id, exitFile } = request;
    // Read only after the daemon died: its successor may by now have said that nobody knows of it.
    if (this.isOrphaned(request)) {
      if (exitFile !== null) writeNeverBegun(exitFile);
      return;
    }
    let child: Child;
    try {
      child = { ...this.beginMarked(request), exitFile, end: null };
    } catch (error) {
      const code = codeOf(error) ?? "UNKNOWN";
      this.tell({ event: "refused", id, code, message: wordsOf(error) });
      return;
    }
    this.children.set(id, child);
    compileForTasks();
    this.pages.changed();
    this.untold.set(id, performance.now());
    this.tellSoon();
    this.follow(id, child);
  }

  private tellSoon(): void {
    this.tellTimer ??= setTimeout(() => {
      this.tellTimer = null;
      // Once more around: ends that have come meanwhile are heard of first.
      setImmediate(() => this.tellSpawned());
    }, TELL_AFTER_MS);
  }

  private tellSpawned(): void {
    const due = performance.now() - TELL_AFTER_MS;
    for (const [id, since] of this.untold) {
      if (since > due) break;
      this.untold.delete(id);
      const child = this.children.get(id);
      if (child === undefined) continue;
      this.tell({ event: "spawned", id, pid: child.pid, startedAt: readProcess(child.pid)?.startedAt ?? "" });
    }
    if (this.untold.size > 0) this.tellSoon();
  }

  /** In a place of its own: a function made in `spawn` would hold the whole request, for as long as the child runs. */
  private follow(id: number, child: Child): void {
    child.exited.then((status) => this.exited(id, child, status));
  }

  /** An agent has a mark; what an operator's command leaves running is to be nobody's first victim. */
  private beginMarked(request: SpawnRequest) {
    const { mark } = request;
    if (mark === undefined) return this.begin(request);
    return this.endedBefore(() =>
      this.withBirthmark === null
        ? this.begin(request)
        : this.withBirthmark(birthmarkOf(mark), () => this.begin(request)),
    );
  }

  private begin({ command, input, openFiles }: SpawnRequest) {
    if (input === undefined) {
      const child = this.withOpenFiles(command, openFiles, spawnDetached);
      return { pid: child.pid, exited: child.exited, output: null };
    }
    this.spawnHeard ??= heardSpawner();
    const spawn = this.spawnHeard;
    const child = this.withOpenFiles(command, openFiles, (lowered) => spawn(lowered, input));
    const output = new Output(child);
    this.outputs += 1;
    output.closed.then(() => {
      this.outputs -= 1;
      this.endWhenAlone();
    });
    return { pid: child.pid, exited: child.exited, output };
  }

  private withOpenFiles<T>(command: Command, openFiles: number, spawn: (command: Command) => T): T {
    const descriptors = this.children.size + this.outputs * OUTPUT_DESCRIPTORS;
    if (this.withLimit !== null && descriptors + SPARE_DESCRIPTORS < openFiles) {
      return this.withLimit(openFiles, () => spawn(command));
    }
    const lower = ["/bin/sh", "-c", 'ulimit -Sn "$0" 2>/dev/null; exec "$@"', String(openFiles)];
    return spawn({ ...command, argv: [...lower, ...command.argv] });
  }

  private async exited(id: number, child: Child, status: number): Promise<void> {
    // First of all: should the daemon die while the output is read, this is what it left to be known.
    child.end = { status, at: Date.now() };
    this.untold.delete(id);
    this.pages.changed();
    const said = await child.output?.ended();
    if (!this.children.has(id)) return;
    if (this.orphaned) this.settle(id, child);
    else {
      if (child.exitFile === null) this.children.delete(id);
      this.tell({ event: "exited", id, pid: child.pid, status, ...(said === undefined ? {} : { said }) });
    }
  }

  /** The daemon is gone: what should end with it ends, what it never acknowledged is written down. */
  private goOnAlone(): void {
    this.orphaned = true;
    for (const [id, child] of this.children) {
      if (child.exitFile === null) killGroup(child.pid);
      this.settle(id, child);
    }
    this.endWhenAlone();
  }

  /** What a child left running may be the task: it would be ended by a pipe that nobody reads any more. */
  private endWhenAlone(): void {
    if (!this.orphaned || this.children.size > 0 || this.outputs > 0) return;
    if (this.tellTimer !== null) clearTimeout(this.tellTimer);
    this.pages[Symbol.dispose]();
    this.done();
  }

  private settle(id: number, child: Child): void {
    if (child.end === null && child.exitFile !== null) return;
    if (child.end !== null && child.exitFile !== null && !isWritten(child.exitFile, child.end)) {
      // Nobody is left to tell, and nobody else knows the status.
      setTimeout(() => this.settle(id, child), WRITE_AGAIN_MS);
      return;
    }
    this.children.delete(id);
    this.endWhenAlone();
  }

  /** The kernel knows of the daemon's death before the channel tells; it may have died before this process came up. */
  private isOrphaned({ daemonPid }: SpawnRequest): boolean {
    return this.orphaned || process.ppid !== daemonPid;
  }

  private tell(event: FromShim): void {
    // Between the daemon's death and our hearing of it a send fails; `goOnAlone` then settles it.
    if (!this.orphaned) this.channel.send(event);
  }
}
