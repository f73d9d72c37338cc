/** The client with a shim of which each word and its end come when the test says so. */
import { afterEach, expect, jest, test } from "bun:test";
import { ShimClient } from "../../../src/process/shim/client.ts";
import type { FromShim, ToShim } from "../../../src/process/shim/protocol.ts";
import { SpawnRefused } from "../../../src/process/shim/refused.ts";
import type { TalkingChild } from "../../../src/runtime/spawn.ts";
import { recordLog } from "../logging/recorded-log.ts";

const COMMAND = { argv: ["/bin/true"], cwd: "/", env: {} };

class FakeShim implements TalkingChild {
  readonly pid = 0;
  readonly asked: ToShim[] = [];
  readonly #exited = Promise.withResolvers<number>();
  readonly #disconnected = Promise.withResolvers<void>();
  readonly #say: (event: FromShim) => void;

  constructor(say: (event: FromShim) => void) {
    this.#say = say;
  }

  get exited(): Promise<number> {
    return this.#exited.promise;
  }

  get disconnected(): Promise<void> {
    return this.#disconnected.promise;
  }

  /** Of what it was asked last. */
  say(event: { readonly event: "spawned" } | { readonly event: "exited"; readonly status: number }): void {
    const id = this.#lastId();
    this.#say(
      event.event === "spawned"
        ? { ...event, id, pid: 100 + id, startedAt: "1" }
        : { ...event, id, pid: 100 + id },
    );
  }

  refuse(code: string, message: string): void {
    this.#say({ event: "refused", id: this.#lastId(), code, message });
  }

  #lastId(): number {
    const last = this.asked.findLast(({ op }) => op === "spawn");
    if (last?.op !== "spawn") throw new Error("It was asked for nothing");
    return last.id;
  }

  async die(status = 137): Promise<void> {
    this.#exited.resolve(status);
    await this.#exited.promise;
  }

  /** Deno tells so of a child that it could not start. */
  async failLate(error: Error): Promise<void> {
    this.#exited.reject(error);
    await this.#exited.promise.catch(() => {});
  }

  async hangUp(): Promise<void> {
    this.#disconnected.resolve();
    await this.#disconnected.promise;
  }

  send(message: object): void {
    this.asked.push(message as ToShim);
  }

  isLetGo = false;

  disconnect(): void {
    this.isLetGo = true;
  }

  unref(): void {}
}

class Rig implements Disposable {
  readonly shims: FakeShim[] = [];
  readonly log = recordLog();
  readonly client = new ShimClient(
    { command: ["shim"], openFiles: 1024, log: this.log },
    (_command, onMessage) => {
      const shim = new FakeShim(onMessage);
      this.shims.push(shim);
      return shim;
    },
  );

  get shim(): FakeShim {
    const shim = this.shims.at(-1);
    if (shim === undefined) throw new Error("No shim was started");
    return shim;
  }

  async spawn() {
    const spawning = this.client.spawn(COMMAND, "/exits/1");
    this.shim.say({ event: "spawned" });
    return await spawning;
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}

afterEach(() => void jest.useRealTimers());

// A task that had ended well was reported as one whose end nobody knows.
test("an exit that the shim told before it was killed counts, although its death is noticed first", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const { exited } = await rig.spawn();
  const { shim } = rig;
  await shim.die();
  // The daemon may be busy with others' words.
  jest.advanceTimersByTime(900);
  shim.say({ event: "exited", status: 3 });
  await shim.hangUp();
  expect(await exited).toEqual({ kind: "exited", status: 3 });
});

test("so does a start that it told, whose end is then lost", async () => {
  using rig = new Rig();
  const spawning = rig.client.spawn(COMMAND, "/exits/1");
  const { shim } = rig;
  await shim.die();
  shim.say({ event: "spawned" });
  await shim.hangUp();
  const { identity, exited, isOver } = await spawning;
  expect([identity.pid, isOver]).toEqual([101, false]);
  expect(await exited).toEqual({ kind: "lost" });
});

test("what a dead shim has not told is lost once its channel is at its end", async () => {
  using rig = new Rig();
  const { exited } = await rig.spawn();
  const unheard = rig.client.spawn(COMMAND, "/exits/2").catch((error: unknown) => error);
  await rig.shim.hangUp();
  await rig.shim.die();
  expect(await exited).toEqual({ kind: "lost" });
  expect(await unheard).toMatchObject({ code: "ESHIM" });
});

test("a channel that does not come to its end holds nobody up for long", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const { exited } = await rig.spawn();
  await rig.shim.die();
  jest.advanceTimersByTime(1_000);
  expect(await exited).toEqual({ kind: "lost" });
});

test("what is started while the last words of a dead shim are awaited gets a shim of its own, and keeps it", async () => {
  using rig = new Rig();
  const first = await rig.spawn();
  const dead = rig.shim;
  await dead.die();
  const second = await rig.spawn();
  expect(rig.shims).toHaveLength(2);
  await dead.hangUp();
  expect(await first.exited).toEqual({ kind: "lost" });
  rig.shim.say({ event: "exited", status: 0 });
  expect(await second.exited).toEqual({ kind: "exited", status: 0 });
});

const refusalBy = (spawning: Promise<unknown>): Promise<Error> =>
  spawning.then(
    () => new Error("It was started"),
    (error: Error) => error,
  );

// Its runtime ends itself when a thread is refused to it, and it was called killed.
test("a shim that ends before it says anything is not called killed, and its limits are named", async () => {
  using rig = new Rig();
  const refusal = refusalBy(rig.client.spawn(COMMAND, "/exits/1"));
  await rig.shim.hangUp();
  await rig.shim.die(134);
  expect((await refusal).message).toBe(
    "the process that supervises the agents was ended by signal 6 (status 134) before it had started anything; perhaps a limit of processes is reached: of the user (ulimit -u), of the service (TasksMax) or of the container",
  );
  expect(await refusal).toMatchObject({ code: "ESHIM" });
});

test("one that had said something before has started something, and the next one begins anew", async () => {
  using rig = new Rig();
  const messageAtDeath = async () => {
    const refusal = refusalBy(rig.client.spawn(COMMAND, "/exits/2"));
    await rig.shim.hangUp();
    await rig.shim.die(134);
    return (await refusal).message;
  };
  await rig.spawn();
  expect(await messageAtDeath()).toEndWith("(status 134)");
  expect(await messageAtDeath()).toContain("before it had started anything");
});

// It was `unknown`, with the system's bare words.
test.each([
  ["EMFILE", "too many open files, socketpair", "a limit of open files is reached (ulimit -n, LimitNOFILE)"],
  ["EAGAIN", "resource temporarily unavailable", "a limit of processes is reached: of the user (ulimit -u)"],
])(
  "a shim that %s keeps from being started is a refusal that says so: %s; %s",
  async (code, words, limit) => {
    const client = new ShimClient({ command: ["shim"], openFiles: 1024 }, () => {
      throw Object.assign(new Error(`${code}: ${words}`), { code });
    });
    const refusal = await refusalBy(client.spawn(COMMAND, null));
    expect(refusal).toBeInstanceOf(SpawnRefused);
    expect(refusal.message).toStartWith(
      `the process that supervises the agents cannot be started: ${code}: ${words}; ${limit}`,
    );
    // Nothing may be ended for its sake, as for one that may have been started.
    expect(refusal).toMatchObject({ code: "ENOSHIM" });
  },
);

test("so is one whose runtime tells of that only later", async () => {
  using rig = new Rig();
  const refusal = refusalBy(rig.client.spawn(COMMAND, null));
  await rig.shim.hangUp();
  await rig.shim.failLate(Object.assign(new Error("Too many open files"), { code: "EMFILE" }));
  expect((await refusal).message).toStartWith(
    "the process that supervises the agents cannot be started: Too many open files; a limit of open files",
  );
  expect(await refusal).toMatchObject({ code: "ENOSHIM" });
});

test("a shim that does not answer is looked at every five seconds for as long, and told of once", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const { log } = rig;
  const spawning = rig.client.spawn(COMMAND, "/exits/1");
  jest.advanceTimersByTime(5_000);
  expect(log.lines).toEqual([]);
  jest.advanceTimersByTime(60_000);
  expect(log.said("warn")).toEqual(["the process that supervises the agents does not answer"]);
  rig.shim.say({ event: "spawned" });
  await spawning;
  jest.advanceTimersByTime(5_000);
  expect(jest.getTimerCount()).toBe(0);
});

test("a shim that refused its only process is let go of after a minute, with the watch over it", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const listeners = process.listenerCount("SIGCHLD");
  const refusal = refusalBy(rig.client.spawn(COMMAND, null));
  rig.shim.refuse("ENOENT", "no such file");
  expect((await refusal).message).toContain("no such file");
  jest.advanceTimersByTime(59_999);
  expect(rig.shim.isLetGo).toBe(false);
  jest.advanceTimersByTime(1);
  expect([rig.shim.isLetGo, process.listenerCount("SIGCHLD"), jest.getTimerCount()]).toEqual([
    true,
    listeners,
    0,
  ]);
});

// Those that run on would be nobody's: the shim takes the daemon for dead, and tells it nothing more.
test("a shim is kept for as long as one of its processes is left, however long ago another ended", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const long = await rig.spawn();
  const short = await rig.spawn();
  rig.shim.say({ event: "exited", status: 0 });
  short.acknowledge();
  jest.advanceTimersByTime(3_600_000);
  expect(rig.shim.isLetGo).toBe(false);
  long.acknowledge();
  jest.advanceTimersByTime(60_000);
  expect(rig.shim.isLetGo).toBe(true);
});

// The shim would take the daemon for dead, and the process that runs on would be nobody's.
test("a process that is started right before its shim would be let go of keeps it", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const first = await rig.spawn();
  first.acknowledge();
  jest.advanceTimersByTime(59_999);
  await rig.spawn();
  jest.advanceTimersByTime(3_600_000);
  expect([rig.shims.length, rig.shim.isLetGo]).toEqual([1, false]);
});

test("a shim that was let go of is asked for nothing more, and its end is nothing to the one after it", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const first = await rig.spawn();
  const old = rig.shim;
  first.acknowledge();
  jest.advanceTimersByTime(60_000);
  expect(old.isLetGo).toBe(true);
  await rig.spawn();
  await old.hangUp();
  await old.die(0);
  await rig.spawn();
  const started = (shim: FakeShim) => shim.asked.filter(({ op }) => op === "spawn").length;
  expect(rig.shims.map(started)).toEqual([1, 2]);
});

test("ends are acknowledged with what is asked next, or in a moment, or when the shim is let go of", async () => {
  jest.useFakeTimers();
  using rig = new Rig();
  const runToEnd = async (exitFile: string | null = "/exits/1") => {
    const spawning = rig.client.spawn(COMMAND, exitFile);
    rig.shim.say({ event: "exited", status: 0 });
    const { isOver, acknowledge } = await spawning;
    expect(isOver).toBe(true);
    acknowledge();
  };
  await runToEnd();
  await runToEnd();
  jest.advanceTimersByTime(20);
  await runToEnd();
  jest.advanceTimersByTime(20);
  // Nothing is kept of one that ends with the daemon.
  await runToEnd(null);
  jest.advanceTimersByTime(20);
  await runToEnd();
  // Nobody waits for that any more.
  rig.shim.say({ event: "exited", status: 0 });
  rig.client[Symbol.dispose]();
  expect(rig.shim.asked.map(({ op, settled }) => [op, ...settled])).toEqual([
    ["spawn"],
    ["spawn", 1],
    ["acknowledge", 2],
    ["spawn"],
    ["acknowledge", 3],
    ["spawn"],
    ["spawn"],
    ["acknowledge", 5],
  ]);
});

test("what was to be acknowledged to a shim that is dead keeps nobody from going on or from ending", async () => {
  jest.useFakeTimers();
  const listeners = process.listenerCount("SIGCHLD");
  const rig = new Rig();
  const spawning = rig.client.spawn(COMMAND, "/exits/1");
  rig.shim.say({ event: "exited", status: 0 });
  const { acknowledge } = await spawning;
  acknowledge();
  const { shim } = rig;
  await shim.hangUp();
  await shim.die();
  expect(process.listenerCount("SIGCHLD")).toBe(listeners);
  jest.advanceTimersByTime(20);
  rig.client[Symbol.dispose]();
  expect(shim.asked.map(({ op }) => op)).toEqual(["spawn"]);
});
