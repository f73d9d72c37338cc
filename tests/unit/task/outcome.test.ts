/** From whatever happened to the one message about it. */
import { describe, expect, test } from "bun:test";
import { type Completion, TaskFailure, TaskStopped } from "../../../src/task/backend.ts";
import { type Outcome, reportFor } from "../../../src/task/outcome.ts";
import { runToOutcome } from "../../../src/task/run.ts";

const live = () => new AbortController().signal;
const throwing = async (error: unknown): Promise<Completion> => {
  throw error;
};
const stoppedFor = (why: "cancelled" | "shutdown" | "timeout") => AbortSignal.abort(new TaskStopped(why));

const SHUTDOWN: Outcome = {
  kind: "failed",
  reason: "graceful_shutdown",
  message: "Task stopped because the worker is shutting down; it is safe to retry",
};
const TIMEOUT: Outcome = {
  kind: "failed",
  reason: "task_timeout",
  message: "Failed to execute task: it ran longer than max_task_duration allows and was stopped",
};

describe("reportFor", () => {
  test.each<[Outcome, ReturnType<typeof reportFor>]>([
    [{ kind: "completed" }, { type: "task_completed", taskId: "t", message: "Task completed successfully" }],
    [
      { kind: "cancelled" },
      { type: "task_completed", taskId: "t", message: "Task cancelled by user request.", cancelled: true },
    ],
    [{ kind: "handed-off" }, null],
    [{ kind: "left" }, null],
    [
      { kind: "failed", reason: "evicted", message: "m" },
      { type: "task_failed", taskId: "t", message: "m", reason: "evicted" },
    ],
    [
      { kind: "failed", reason: "agent_invocation", message: "m", exitCode: 0 },
      { type: "task_failed", taskId: "t", message: "m", reason: "agent_invocation" },
    ],
    [
      { kind: "failed", reason: "agent_invocation", message: "m", exitCode: 143 },
      { type: "task_failed", taskId: "t", message: "m", reason: "agent_invocation", exitCode: 143 },
    ],
    [SHUTDOWN, { type: "task_failed", taskId: "t", message: SHUTDOWN.message, reason: "graceful_shutdown" }],
  ])("%j is told as %j", (outcome, report) => {
    expect(reportFor("t", outcome)).toEqual(report);
  });
});

describe("runToOutcome", () => {
  test.each(["completed", "handed-off"] as const)("work that was %s is that", async (completion) => {
    expect(await runToOutcome(Promise.resolve(completion), live())).toEqual({ kind: completion });
  });

  test("work that ended well although it was being cancelled ended well", async () => {
    expect(await runToOutcome(Promise.resolve("completed"), stoppedFor("cancelled"))).toEqual({
      kind: "completed",
    });
  });

  test.each<[string, unknown, Outcome]>([
    [
      "a TaskFailure",
      new TaskFailure("image_pull", "no image"),
      { kind: "failed", reason: "image_pull", message: "Failed to execute task: no image" },
    ],
    [
      "a TaskFailure with a status",
      new TaskFailure("agent_invocation", "it exited", { exitCode: 3 }),
      {
        kind: "failed",
        reason: "agent_invocation",
        message: "Failed to execute task: it exited",
        exitCode: 3,
      },
    ],
    [
      "an Error",
      new Error("boom"),
      { kind: "failed", reason: "unknown", message: "Failed to execute task: boom" },
    ],
    ["a string", "boom", { kind: "failed", reason: "unknown", message: "Failed to execute task: boom" }],
    [
      "undefined",
      undefined,
      { kind: "failed", reason: "unknown", message: "Failed to execute task: undefined" },
    ],
    [
      "a foreign AbortError",
      new DOMException("aborted", "AbortError"),
      { kind: "failed", reason: "unknown", message: "Failed to execute task: aborted" },
    ],
    ["the cancellation", new TaskStopped("cancelled"), { kind: "cancelled" }],
    ["the shutdown", new TaskStopped("shutdown"), SHUTDOWN],
    ["the timeout", new TaskStopped("timeout"), TIMEOUT],
  ])("%s that is thrown becomes an outcome", async (_what, error, outcome) => {
    expect(await runToOutcome(throwing(error), live())).toEqual(outcome);
  });

  test.each<["cancelled" | "shutdown" | "timeout", Outcome]>([
    ["cancelled", { kind: "cancelled" }],
    ["shutdown", SHUTDOWN],
    ["timeout", TIMEOUT],
  ])("whatever breaks while a task is stopped for %s, it was stopped for that", async (why, outcome) => {
    expect(await runToOutcome(throwing(new Error("it broke")), stoppedFor(why))).toEqual(outcome);
  });

  test("a failure that the backend vouches for came before the stop, and stands", async () => {
    const error = new TaskFailure("setup_command", "setup_command exited with status 3");
    const outcome = await runToOutcome(throwing(error), stoppedFor("cancelled"));
    expect(outcome).toMatchObject({ kind: "failed", reason: "setup_command" });
  });

  test("a failure of which the backend knows nothing does not hide why the task was stopped", async () => {
    const error = new TaskFailure("unknown", "the worker was killed before it had started the task");
    expect(await runToOutcome(throwing(error), stoppedFor("cancelled"))).toEqual({ kind: "cancelled" });
    expect(await runToOutcome(throwing(error), live())).toMatchObject({ kind: "failed", reason: "unknown" });
  });

  // Once: String() of such a value throws itself, and the border rejects.
  test("even a thrown thing without a text becomes an outcome", async () => {
    expect(await runToOutcome(throwing(Object.create(null)), live())).toMatchObject({ kind: "failed" });
  });
});
