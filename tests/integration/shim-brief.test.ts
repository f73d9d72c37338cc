/** What a shim says of processes that are over before anybody could have asked for them. */
import { afterEach, expect, jest, spyOn, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import { listProcesses } from "../../src/process/process-table.ts";
import type { FromShim, SpawnRequest, ToShim } from "../../src/process/shim/protocol.ts";
import { runShim } from "../../src/process/shim/shim.ts";
import { eventually } from "../support/wait.ts";

afterEach(() => void jest.useRealTimers());

/** The daemon's side, in this very process. */
class Daemon implements AsyncDisposable {
  readonly said: FromShim[] = [];
  private readonly ended: Promise<void>;
  private ask: (message: ToShim) => void = () => {};
  private disconnect = () => {};

  constructor() {
    this.ended = runShim({
      send: (event) => void this.said.push(event),
      onMessage: (listener) => {
        this.ask = listener;
      },
      onDisconnect: (listener) => {
        this.disconnect = listener;
      },
    });
  }

  spawn(id: number, ...argv: readonly string[]): void {
    const command = { argv, cwd: "/", env: { PATH: "/usr/bin:/bin" } };
    const daemonPid = process.ppid;
    const kept = { exitFile: null, openFiles: 1024, settled: [] };
    const request: SpawnRequest = { op: "spawn", id, daemonPid, command, ...kept };
    this.ask(request);
  }

  saidOf(id: number): readonly string[] {
    return this.said.filter((event) => event.id === id).map(({ event }) => event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
    await this.ended;
  }
}

// A burst keeps the shim busy for longer than it waits before it tells of a process: it heard of the ends only
// after it had looked up each of a thousand processes that were no more, and had told of them.
test("a process that ended while the shim was busy is told of once, by its end and with its pid", async () => {
  await using daemon = new Daemon();
  for (let id = 1; id <= 20; id++) daemon.spawn(id, "/bin/sh", "-c", `exit ${id}`);
  // waits: the kernel's ends of processes are to come while this thread, which would hear of them, is busy
  Bun.sleepSync(300);
  await eventually(() => daemon.said.length >= 20, "the ends");
  expect(daemon.said.every(({ event }) => event === "exited")).toBeTrue();
  for (let id = 1; id <= 20; id++) {
    expect(daemon.said).toContainEqual({ event: "exited", id, status: id, pid: expect.any(Number) });
  }
});

test("one that lives on beside them is told of while it runs, and once", async () => {
  await using daemon = new Daemon();
  daemon.spawn(1, "/bin/sleep", "1000");
  daemon.spawn(2, "/bin/sh", "-c", "exit 0");
  await eventually(() => daemon.saidOf(1).length > 0 && daemon.saidOf(2).includes("exited"), "both");
  const [spawned] = daemon.said.filter(({ id }) => id === 1);
  if (spawned?.event !== "spawned") throw new Error("It was not told of");
  expect(Number(spawned.startedAt)).toBeGreaterThan(0);
  process.kill(spawned.pid, "SIGKILL");
  await eventually(() => daemon.saidOf(1).length === 2, "its end");
  expect(daemon.saidOf(1)).toEqual(["spawned", "exited"]);
});

test("a shim that has told of all its processes waits for their ends, and wakes for nothing else", async () => {
  jest.useFakeTimers();
  await using daemon = new Daemon();
  daemon.spawn(1, "/bin/sleep", "1000");
  for (const passedMs of [10, 600_000]) {
    jest.advanceTimersByTime(passedMs);
    await turns(2);
  }
  expect([daemon.saidOf(1), jest.getTimerCount()]).toEqual([["spawned"], 0]);
});

// What looked at its pages went on in whoever had ended the shim: in a test of something else, which counts its own.
test("a shim that has ended leaves no clock running", async () => {
  jest.useFakeTimers();
  const daemon = new Daemon();
  daemon.spawn(1, "/bin/sleep", "1000");
  const whileItRuns = jest.getTimerCount();
  await daemon[Symbol.asyncDispose]();
  expect([whileItRuns > 0, jest.getTimerCount()]).toEqual([true, 0]);
});

test("one that cannot be started is refused, and the shim ends with its daemon as if it had not been asked for", async () => {
  await using daemon = new Daemon();
  daemon.spawn(1, "/no/such/program");
  expect(daemon.said).toMatchObject([{ event: "refused", id: 1, code: "ENOENT" }]);
});

// Its number may be another's by then.
test("one that ended with its daemon there is not killed when that goes", async () => {
  const kill = spyOn(process, "kill");
  try {
    const daemon = new Daemon();
    daemon.spawn(1, "/bin/sh", "-c", "exit 0");
    await eventually(() => daemon.said.length > 0, "its end");
    await daemon[Symbol.asyncDispose]();
    expect(kill.mock.calls).toEqual([]);
  } finally {
    kill.mockRestore();
  }
});

test("one whose daemon goes before it was told of ends with the daemon all the same", async () => {
  const children = () =>
    listProcesses().filter(({ parentPid, zombie }) => parentPid === process.pid && !zombie);
  const before = children().length;
  const daemon = new Daemon();
  daemon.spawn(1, "/bin/sleep", "1000");
  expect(children().length).toBe(before + 1);
  await daemon[Symbol.asyncDispose]();
  expect(daemon.said).toEqual([]);
  await eventually(() => children().length === before, "its end");
});
