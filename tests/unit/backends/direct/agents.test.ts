/** What is kept of an agent from its start until its result is safe, with a shim that says what the test says. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { existsSync } from "node:fs";
import { never } from "../../../../src/async/wait.ts";
import { Agents } from "../../../../src/backends/direct/agents.ts";
import type { Handle } from "../../../../src/journal/execution.ts";
import { NO_GROUP } from "../../../../src/process/process-table.ts";
import { ShimClient } from "../../../../src/process/shim/client.ts";
import { writeExitFile } from "../../../../src/process/shim/exit-file.ts";
import type { FromShim, ToShim } from "../../../../src/process/shim/protocol.ts";
import { Surveyor } from "../../../../src/process/stragglers.ts";
import { type RunContext, TaskStopped } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { recordLog } from "../../logging/recorded-log.ts";

/** More than any process has. */
const PID = 2 ** 22 + 1;
const dir = `/no/where/${process.pid}`;
const handle = {
  workspace: { dir, made: true, scratchDir: null, gitConfig: `${dir}/.gitconfig` },
  harness: "",
  exitFile: "/no/exits/1",
  begun: true,
  stopping: false,
  stoppedAt: null,
  process: null,
};
const command = { argv: ["/bin/oz"], cwd: "/", env: {} };

afterEach(() => void jest.useRealTimers());

/** A process with the mark of the task, and whether it runs. */
function marked(): Disposable & { readonly runs: () => boolean } {
  const { gitConfig } = handle.workspace;
  const child = Bun.spawn(["/bin/sleep", "1000"], { env: { GIT_CONFIG_GLOBAL: gitConfig } });
  const runs = () => surveyor().look().membersOf(NO_GROUP, `GIT_CONFIG_GLOBAL=${gitConfig}`).length > 0;
  return { runs, [Symbol.dispose]: () => child.kill("SIGKILL") };
}

const surveyor = () => new Surveyor(["GIT_CONFIG_GLOBAL"]);

/** `answer`: what the shim says to the one thing that it is asked to start. */
function rig(answer: (say: (event: FromShim) => void, die: () => void) => void = () => {}) {
  const asked: ToShim[] = [];
  const dead = Promise.withResolvers<number>();
  const saved: Handle[] = [];
  let say: (event: FromShim) => void = () => {};
  const stop = new AbortController();
  const shim = new ShimClient({ command: ["shim"], openFiles: 1024 }, (_command, onMessage) => {
    say = onMessage;
    return {
      pid: 0,
      exited: dead.promise,
      disconnected: dead.promise.then(() => {}),
      send: (message) => {
        asked.push(message as ToShim);
        if (asked.length === 1) answer(onMessage, () => dead.resolve(137));
      },
      disconnect: () => {},
      unref: () => {},
    };
  });
  const context: RunContext = {
    signal: stop.signal,
    hurry: never(),
    log: recordLog(),
    saveHandle: (one) => void saved.push(one),
    step: (_name, work) => work(),
  };
  const journal = { isKept: true };
  const agents = new Agents({
    oz: "/bin/oz",
    shim,
    surveyor: surveyor(),
    isJournalKept: () => journal.isKept,
  });
  return {
    agents,
    journal,
    saved,
    stop,
    say: (event: FromShim) => say(event),
    start: () => agents.start("t", { command, handle }, context),
    acknowledged: () => asked.flatMap(({ settled }) => settled),
    [Symbol.dispose]: () => shim[Symbol.dispose](),
  };
}

const spawned = { event: "spawned", id: 1, pid: PID, startedAt: "7" } as const;
const exited = { event: "exited", id: 1, pid: PID, status: 0 } as const;

describe("an agent", () => {
  test("is found again by its pid from the moment on that its start is told of", async () => {
    using at = rig((say) => say(spawned));
    const found = await at.start();
    expect(at.saved).toMatchObject([{ dir, pid: PID, startedAt: "7" }]);
    expect(found.handle.process).toEqual(found.agent.identity);
  });

  test("that is over, with all its group, has no pid to be found by", async () => {
    using at = rig((say) => say(exited));
    expect((await at.start()).handle).toEqual(handle);
    expect(at.saved).toEqual([]);
  });

  test("that is over, and left something in its group, is found by that one's number", async () => {
    const left = Bun.spawn(["/bin/sleep", "1000"], { detached: true });
    try {
      using at = rig((say) => say({ ...exited, pid: left.pid }));
      await at.start();
      expect(at.saved).toMatchObject([{ pid: left.pid }]);
    } finally {
      left.kill("SIGKILL");
    }
  });

  test("has its end kept by its shim until its result is safe, and no longer", async () => {
    jest.useFakeTimers();
    using at = rig((say) => say(exited));
    await at.start();
    jest.advanceTimersByTime(1_000);
    expect(at.acknowledged()).toEqual([]);
    at.agents.forget("t");
    jest.advanceTimersByTime(1_000);
    expect(at.acknowledged()).toEqual([1]);
    at.agents.forget("t");
    jest.advanceTimersByTime(1_000);
    expect(at.acknowledged()).toEqual([1]);
  });

  // A disk that was full for a while: the next worker said of a task that had ended well that nobody knew how.
  test("has its end kept while the journal is in memory, until a later one's is safe on disk", async () => {
    jest.useFakeTimers();
    using at = rig((say) => say(exited));
    await at.start();
    at.journal.isKept = false;
    at.agents.forget("t");
    jest.advanceTimersByTime(1_000);
    expect(at.acknowledged()).toEqual([]);
    at.journal.isKept = true;
    for (const id of [2, 3]) {
      const later = at.start();
      at.say({ ...exited, id });
      await later;
      at.agents.forget("t");
    }
    jest.advanceTimersByTime(1_000);
    expect(at.acknowledged()).toEqual([1, 2, 3]);
  });

  test("that the system refuses to start says so in the task's failure", async () => {
    using at = rig((say) => say({ event: "refused", id: 1, code: "EACCES", message: "permission denied" }));
    expect(await at.start().catch((error: unknown) => error)).toMatchObject({
      reason: "agent_invocation",
      message: expect.stringContaining("cannot start /bin/oz: permission denied"),
    });
  });

  test("whose shim is killed before it told of it has failed, unless it was stopped", async () => {
    using failed = rig((_say, die) => die());
    // Nobody has its pid, and it may have begun.
    using unheard = marked();
    expect(unheard.runs()).toBe(true);
    expect(await failed.start().catch((error: unknown) => error)).toMatchObject({
      reason: "agent_invocation",
    });
    expect(unheard.runs()).toBe(false);
    using stopped = rig((_say, die) => die());
    stopped.stop.abort(new TaskStopped("cancelled"));
    expect(await stopped.start().catch((error: unknown) => error)).toMatchObject({ why: "cancelled" });
  });
});

describe("an agent of a dead worker", () => {
  const gone = { pid: PID, startedAt: "7", bootId: "gone" };

  test.each([
    ["nothing was to survive its worker", { exitFile: null, process: gone }],
    ["its setup was not over", { begun: false }],
  ])("was never started as far as anybody knows when %s", async (_why, more) => {
    await using exits = await TempDir.create("exits");
    using at = rig();
    const exitFile = exits.join("1");
    writeExitFile(exitFile, { status: 3, at: 1_000_000 });
    using left = marked();
    expect(left.runs()).toBe(true);
    const finding = at.agents.find("t", { ...handle, exitFile, ...more });
    expect(await finding.catch((error: unknown) => error)).toMatchObject({
      reason: "unknown",
      message: "the worker was killed while it prepared the task; it is safe to retry",
    });
    expect(left.runs()).toBe(false);
  });

  test.each([
    ["by its pid", gone],
    ["by its mark alone", null],
  ])("is found %s, and what was written of its end goes once its result is safe", async (_how, identity) => {
    await using exits = await TempDir.create("exits");
    using at = rig();
    const exitFile = exits.join("1");
    writeExitFile(exitFile, { status: 3, at: 1_000_000 });
    const { agent } = await at.agents.find("t", { ...handle, exitFile, process: identity });
    expect(agent.identity.pid).toBe(identity?.pid ?? 0);
    expect(await agent.exited).toMatchObject({ status: 3 });
    expect(existsSync(exitFile)).toBe(true);
    at.agents.forget("t");
    expect(existsSync(exitFile)).toBe(false);
  });
});
