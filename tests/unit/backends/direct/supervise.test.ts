/** What an agent's end means, by how and when it comes. What ends processes is tested with real ones elsewhere. */
import { afterEach, describe, expect, jest, spyOn, test } from "bun:test";
import { turns } from "../../../../src/async/wait.ts";
import {
  concludeUntouched,
  hasAgent,
  type SuperviseOptions,
  seeThrough,
} from "../../../../src/backends/direct/supervise.ts";
import { Afterlook } from "../../../../src/process/afterlook.ts";
import { identify, NO_GROUP } from "../../../../src/process/process-table.ts";
import type { Exit } from "../../../../src/process/shim/client.ts";
import { writeExitFile } from "../../../../src/process/shim/exit-file.ts";
import { Surveyor } from "../../../../src/process/stragglers.ts";
import { type StopReason, TaskFailure, TaskStopped } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { recordLog } from "../../logging/recorded-log.ts";

const GRACE_MS = 10_000;
const STOPPED_AT = 1_000_000;
const workspace = { dir: "/no/where", made: false, scratchDir: null, gitConfig: "/no/where/.gitconfig" };
const notStopped = { stopping: false, stoppedAt: null };
const wasStopped = { stopping: true, stoppedAt: STOPPED_AT };

afterEach(() => void jest.useRealTimers());

function wordsFor({ reason, exitCode, message }: TaskFailure): string {
  return /not known/.test(message) ? `${reason}: unknown` : `${reason} ${exitCode}`;
}

interface Situation {
  readonly stopped?: SuperviseOptions["stopped"];
  /** Fires before anything else. */
  readonly stopNow?: StopReason;
  /** It had ended with 0 before anybody looked. */
  readonly endedBefore?: boolean;
  readonly isOver?: boolean;
  /** Null: it is gone. */
  readonly pid?: number | null;
  /** Nobody can look at the processes. */
  readonly blind?: boolean;
}

const noDescriptor = () => Object.assign(new Error("file table overflow"), { code: "ENFILE" });

/** An agent that has left nothing, and whose end comes when the test says so. */
function supervise({
  stopped = notStopped,
  stopNow,
  endedBefore = false,
  isOver = false,
  pid = null,
  blind = false,
}: Situation = {}) {
  const exit = Promise.withResolvers<Exit>();
  const stop = new AbortController();
  const surveyor = new Surveyor(["GIT_CONFIG_GLOBAL"]);
  if (blind) spyOn(surveyor, "survey").mockRejectedValue(noDescriptor());
  const stops: boolean[] = [];
  const log = recordLog();
  const agent = {
    identity: (pid === null ? null : identify(pid)) ?? { pid: 0, startedAt: "", bootId: "gone" },
    isOver,
    groupId: () => pid ?? NO_GROUP,
    exited: exit.promise,
    forget: () => {},
  };
  const options = {
    surveyor,
    afterlook: new Afterlook(surveyor, 0),
    graceMs: GRACE_MS,
    stopped,
    onStop: (isShutdown: boolean) => void stops.push(isShutdown),
  };
  const context = {
    signal: stop.signal,
    hurry: new AbortController().signal,
    log,
    saveHandle: () => {},
    step: <T>(_name: string, work: () => Promise<T>) => work(),
  };
  const halt = (why: StopReason) => stop.abort(new TaskStopped(why));
  if (stopNow !== undefined) halt(stopNow);
  const end = (status: number, at?: number) =>
    exit.resolve({ kind: "exited", status, ...(at === undefined ? {} : { at }) });
  if (endedBefore) end(0);
  const result = seeThrough(agent, workspace, options, context).then(
    () => "completed",
    (error: unknown) => {
      if (error instanceof TaskStopped) return error.why;
      if (error instanceof TaskFailure) return wordsFor(error);
      throw error;
    },
  );
  return { end, lose: () => exit.resolve({ kind: "lost" }), halt, result, stops, log };
}

// A service manager may signal every process of a service at once, and an agent be quicker than the worker.
test.each([129, 130, 143])(
  "an agent's end with %d is the shutdown's when that follows at once",
  async (status) => {
    const { end, halt, result } = supervise();
    end(status);
    await turns(5);
    halt("shutdown");
    expect(await result).toBe("shutdown");
  },
);

test("it is the agent's own when nothing follows, and any other end is so at once", async () => {
  const asked = supervise();
  asked.end(143);
  expect(await asked.result).toBe("agent_invocation 143");
  jest.useFakeTimers();
  const own = supervise();
  own.end(3);
  expect(await own.result).toBe("agent_invocation 3");
});

describe("an agent that an earlier worker had told to end for its own shutdown", () => {
  test.each([
    ["with 0 in its grace", 0, STOPPED_AT + GRACE_MS, "shutdown"],
    ["with 0 an hour later", 0, STOPPED_AT + 3_600_000, "completed"],
    ["by the signal", 143, STOPPED_AT + 3_600_000, "shutdown"],
    ["by the kill that follows", 137, STOPPED_AT + GRACE_MS, "shutdown"],
    ["with a failure of its own", 3, STOPPED_AT, "agent_invocation 3"],
  ])("and that ended %s", async (_how, status, at, expected) => {
    const { end, result } = supervise({ stopped: wasStopped });
    end(status, at);
    expect(await result).toBe(expected);
  });

  test("and that ended with 0, nobody knows when, has completed its task", async () => {
    const { end, result } = supervise({ stopped: { stopping: true, stoppedAt: null } });
    end(0, STOPPED_AT);
    expect(await result).toBe("completed");
  });
});

// It was told as an agent that a signal had ended, with nothing of whose signal that was.
test.each([
  ["by the signal", 143, "timeout"],
  ["by the kill that follows", 137, "timeout"],
  ["with 0 in its grace", 0, "timeout"],
  ["with a failure of its own", 3, "agent_invocation 3"],
])(
  "an agent that an earlier worker had told to end for its time was over, and that ended %s",
  async (_how, status, expected) => {
    const { end, result } = supervise({ stopped: { stopping: false, stoppedAt: STOPPED_AT } });
    end(status, STOPPED_AT + 1);
    expect(await result).toBe(expected);
  },
);

test("one that was killed without having been told to end has failed", async () => {
  const { end, result } = supervise();
  end(137, STOPPED_AT);
  expect(await result).toBe("agent_invocation 137");
});

describe("an agent that has ended in the moment in which it is stopped", () => {
  test.each([
    ["cancelled", "cancelled"],
    ["timeout", "timeout"],
    // What it has done is not done again.
    ["shutdown", "completed"],
  ] as const)("for %s: %s", async (stopNow, expected) => {
    expect(await supervise({ stopNow, endedBefore: true }).result).toBe(expected);
  });

  test("and was over before anybody heard of it, too", async () => {
    const { result } = supervise({ stopNow: "cancelled", endedBefore: true, isOver: true });
    expect(await result).toBe("cancelled");
  });
});

test.each([
  ["shutdown", [true]],
  ["timeout", [false]],
  ["cancelled", []],
] as const)("a stop for %s is noted as %j for whoever comes after a kill", async (why, noted) => {
  const { end, halt, result, stops } = supervise();
  halt(why);
  await turns(5);
  expect(stops).toEqual([...noted]);
  end(143);
  expect(await result).toBe(why);
});

test("what a short agent left in its group has ended before the task has", async () => {
  const left = Bun.spawn(["/bin/sleep", "1000"], { detached: true });
  try {
    const { end, result } = supervise({ pid: left.pid });
    end(0);
    expect(await result).toBe("completed");
    expect(identify(left.pid)).toBeNull();
  } finally {
    left.kill("SIGKILL");
  }
});

// Its status was lost: a task that had completed failed with "ENFILE: file table overflow, scandir '/proc'".
describe("where nobody can look for what an agent left, the operator is told, and", () => {
  const told = ["cannot look for what the agent left running"];

  // 4,194,303 is no process, and no group.
  test.each([null, 2 ** 22 - 1])("an end is told as it was, of the group %p", async (pid) => {
    const { end, result, log } = supervise({ blind: true, pid });
    end(0, STOPPED_AT);
    expect([await result, log.said("warn")]).toEqual(["completed", told]);
  });

  // Not a word was said of what had left its group, and runs on.
  test.each([null, 2 ** 22 - 1])("a cancelled agent is ended, with the group %p", async (pid) => {
    const { end, halt, result, log } = supervise({ blind: true, pid });
    halt("cancelled");
    end(143);
    expect([await result, log.said("warn")]).toEqual(["cancelled", told]);
  });

  test("one whose status is lost has ended all the same", async () => {
    const { lose, result, log } = supervise({ blind: true });
    lose();
    expect([await result, log.said("warn")]).toEqual(["agent_invocation: unknown", told]);
  });
});

// The assignment was a line of the log, and the control plane waited for it.
test("a folder has an agent where nobody can look, so that the task is turned down and offered again", () => {
  const surveyor = new Surveyor(["GIT_CONFIG_GLOBAL"]);
  expect(hasAgent("/no/where", "t", surveyor)).toBe(false);
  spyOn(surveyor, "look").mockImplementation(() => {
    throw noDescriptor();
  });
  expect(hasAgent("/no/where", "t", surveyor)).toBe(true);
});

describe("an agent whose shim was killed", () => {
  test("has failed when it is gone, and was stopped when it is stopped", async () => {
    const lost = supervise();
    lost.lose();
    expect(await lost.result).toBe("agent_invocation: unknown");
    const stopped = supervise({ stopNow: "cancelled" });
    stopped.lose();
    expect(await stopped.result).toBe("cancelled");
    expect([...lost.log.lines, ...stopped.log.lines]).toEqual([]);
  });

  test("works on until it is stopped, with its grace, and the operator is told", async () => {
    const script = "trap 'sleep 0.2; exit 7' TERM; echo; while :; do sleep 0.05; done";
    const child = Bun.spawn(["/bin/sh", "-c", script], { detached: true, stdout: "pipe" });
    try {
      await child.stdout.getReader().read();
      const { lose, halt, result, log } = supervise({ pid: child.pid });
      lose();
      await turns(20);
      expect(log.said("warn")).toEqual(["the agent runs on, but its exit status will be unknown"]);
      halt("cancelled");
      expect(await result).toBe("cancelled");
      expect(identify(child.pid)).toBeNull();
      expect(await child.exited).toBe(7);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

test("a task whose folder another worker has by now ends as was written down, and else is that worker's to report", async () => {
  await using dir = await TempDir.create("exits");
  const ended = (exitFile: string | null, signal = AbortSignal.any([]), stopped = notStopped) => {
    try {
      return concludeUntouched({ exitFile, ...stopped }, GRACE_MS, { signal, log: recordLog() });
    } catch (error) {
      if (error instanceof TaskStopped) return error.why;
      return error instanceof TaskFailure ? wordsFor(error) : error;
    }
  };
  for (const status of [0, 3]) writeExitFile(dir.join(`${status}`), { status, at: STOPPED_AT });
  expect([ended(dir.join("0")), ended(dir.join("3"))]).toEqual(["completed", "agent_invocation 3"]);
  expect([ended(dir.join("none")), ended(null)]).toEqual(["handed-off", "handed-off"]);
  expect(ended(null, AbortSignal.abort("cancelled"))).toBe("cancelled");
  expect(ended(dir.join("0"), AbortSignal.abort(new TaskStopped("cancelled")))).toBe("cancelled");
  // It was told as an agent that a signal had ended.
  writeExitFile(dir.join("143"), { status: 143, at: STOPPED_AT });
  expect(ended(dir.join("143"), undefined, { ...notStopped, stopping: true })).toBe("shutdown");
});
