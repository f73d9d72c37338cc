import { afterEach, describe, expect, jest, test } from "bun:test";
import { TaskFailure } from "../../../src/task/backend.ts";
import { Tally } from "../../../src/telemetry/tally.ts";
import { sampleAssignment } from "../task/sample-assignment.ts";
import { SchedulerRig } from "../task/scheduler-rig.ts";

afterEach(() => void jest.useRealTimers());

function rigWithTally(options: ConstructorParameters<typeof SchedulerRig>[0] = {}) {
  const tally = new Tally();
  return { tally, rig: new SchedulerRig({ ...options, observer: tally }) };
}

describe("a task is counted", () => {
  test("once as claimed, however often its assignment comes", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    await rig.ended(1);
    rig.scheduler.offer(sampleAssignment());
    expect([tally.claimed, tally.completed.succeeded, tally.claimSeconds.count]).toEqual([1, 1, 1]);
  });

  test("as failed, with the reason, in the phase of the backend", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).fail(new TaskFailure("container_oom", "no memory"));
    await rig.ended(1);
    expect(tally.completed).toEqual({ succeeded: 0, failed: 1, cancelled: 0, dispatched: 0 });
    expect(tally.failures("backend", "container_oom")).toBe(1);
    expect(tally.taskSeconds.failed.count).toBe(1);
  });

  test("as failed in the phase of the assignment when it cannot be prepared", async () => {
    const { tally, rig } = rigWithTally({
      prepare: () => {
        throw new TaskFailure("sidecar_prep", "no such sidecar");
      },
    });
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    await rig.ended(1);
    expect(tally.failures("assignment", "sidecar_prep")).toBe(1);
    expect(tally.failures("backend", "sidecar_prep")).toBe(0);
  });

  test("as cancelled, and as no failure", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    const assignment = sampleAssignment();
    rig.scheduler.offer(assignment);
    await rig.started(1);
    rig.scheduler.cancel(assignment.taskId);
    await rig.ended(1);
    expect(tally.completed.cancelled).toBe(1);
    expect(tally.failures("backend", "task_cancelled")).toBe(0);
  });

  test("as dispatched when somebody else runs it now", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    expect(tally.completed.dispatched).toBe(1);
  });

  test("as ended and not as claimed when an earlier worker claimed it", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    const ref = { taskId: "t", executionId: "e" };
    const left = { handle: null, claimedAt: Date.now(), ended: false, terminal: null, cancelled: false };
    rig.scheduler.recover([{ ...ref, ...left }]);
    (await rig.started(1)).end();
    await rig.ended(1);
    expect([tally.claimed, tally.completed.succeeded, tally.claimSeconds.count]).toEqual([0, 1, 0]);
  });
});

test("only a rejection at the limit is counted as one", async () => {
  const { tally, rig } = rigWithTally({ maxConcurrentTasks: 1 });
  using _rig = rig;
  rig.scheduler.offer(sampleAssignment());
  rig.scheduler.offer(sampleAssignment({ taskId: "t-2" }));
  rig.scheduler.admission.close();
  rig.scheduler.offer(sampleAssignment({ taskId: "t-3" }));
  expect(tally.rejectedAtCapacity).toBe(1);
  (await rig.started(1)).end();
  await rig.ended(1);
});

test("an assignment that cannot be read is a failure of an assignment, and no task", () => {
  const { tally, rig } = rigWithTally();
  using _rig = rig;
  rig.scheduler.refuse({ taskId: "t", executionId: "e" }, "task is a number");
  expect(tally.failures("assignment", "unknown")).toBe(1);
  expect(tally.completed.failed).toBe(0);
});

describe("the steps of a task", () => {
  test("are timed, from the assignment to the agent's start too", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    await task.context.step("pull", async () => {});
    await task.context.step("sidecar", async () => {});
    await task.context.step("run", async () => {});
    // A second run of one task (after an engine's restart) is not a second start.
    await task.context.step("run", async () => {});
    task.end();
    await rig.ended(1);
    const { pullSeconds, sidecarSeconds, startSeconds } = tally;
    expect([pullSeconds.count, sidecarSeconds.count, startSeconds.count]).toEqual([1, 1, 1]);
  });

  test("are timed in seconds, from the assignment on where this worker had it", async () => {
    jest.useFakeTimers();
    jest.advanceTimersByTime(1_000);
    const tally = new Tally();
    const trail = tally.assigned();
    jest.advanceTimersByTime(20);
    trail.claimed();
    jest.advanceTimersByTime(1_980);
    const lasting = (ms: number) => () => Promise.resolve().then(() => void jest.advanceTimersByTime(ms));
    await trail.step("pull", lasting(3_000));
    await trail.step("sidecar", lasting(500));
    await trail.step("run", lasting(60_000));
    await tally.takenOver({ taskId: "t", executionId: "e" }).step("run", lasting(1_000));
    const { claimSeconds, pullSeconds, sidecarSeconds, startSeconds } = tally;
    expect([claimSeconds.sum, pullSeconds.sum, sidecarSeconds.sum]).toEqual([0.02, 3, 0.5]);
    expect([startSeconds.sum, startSeconds.count]).toEqual([5.5, 1]);
  });

  test("fail for whoever waits for them, and only those that clean up are failures by themselves", async () => {
    const tally = new Tally();
    const error = new TaskFailure("image_pull", "no such image");
    await expect(tally.assigned().step("pull", () => Promise.reject(error))).rejects.toBe(error);
    expect(tally.failures("cleanup", "image_pull")).toBe(0);
    expect(tally.pullSeconds.count).toBe(1);
  });

  test("that clean up and fail are counted by their reason, and the task is none the worse", async () => {
    const { tally, rig } = rigWithTally();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const fail = (error: Error) => task.context.step("cleanup", () => Promise.reject(error)).catch(() => {});
    await fail(new Error("device busy"));
    await fail(new TaskFailure("teardown_command", "it said 1"));
    task.end();
    await rig.ended(1);
    expect(tally.failures("cleanup", "cleanup")).toBe(1);
    expect(tally.failures("cleanup", "teardown_command")).toBe(1);
    expect(tally.completed.succeeded).toBe(1);
  });
});

test("a cancellation that could not be passed on is a failure of the backend", async () => {
  const { tally, rig } = rigWithTally();
  using _rig = rig;
  const assignment = sampleAssignment();
  rig.scheduler.offer(assignment);
  (await rig.started(1)).end("handed-off");
  await rig.ended(1);
  Object.assign(rig.backend, {
    cancelHandedOff: () => Promise.reject(new TaskFailure("cancel_command", "it said 1")),
  });
  rig.scheduler.cancel(assignment.taskId);
  await rig.scheduler.stopAll(new AbortController().signal);
  expect(tally.failures("backend", "cancel_command")).toBe(1);
});
