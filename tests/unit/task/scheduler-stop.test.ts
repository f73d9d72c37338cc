/** How tasks are stopped, limited in time, and taken over. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { turns } from "../../../src/async/wait.ts";
import type { Execution } from "../../../src/journal/execution.ts";
import { SHUTDOWN_OUTCOME } from "../../../src/task/outcome.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { cancelled, claimed, completed, rejected, SchedulerRig } from "./scheduler-rig.ts";

const stopped = (taskId: string) =>
  JSON.stringify({
    type: "task_failed",
    data: {
      task_id: taskId,
      message: "message" in SHUTDOWN_OUTCOME ? SHUTDOWN_OUTCOME.message : "",
      failure_reason: "graceful_shutdown",
    },
  });
const left = (taskId: string, handle: Execution["handle"] = null, executionId = "e"): Execution => ({
  taskId,
  executionId,
  handle,
  claimedAt: Date.now(),
  ended: false,
  terminal: null,
  cancelled: false,
});

afterEach(() => void jest.useRealTimers());

describe("a stop that waits for its tasks", () => {
  const idle = (rig: SchedulerRig, enough: AbortSignal) => {
    const wait = { over: false };
    const waited = rig.scheduler.whenIdle(enough).then(() => {
      wait.over = true;
    });
    return Object.assign(wait, { waited });
  };

  test("stops none of them, and is over with the last", async () => {
    using rig = new SchedulerRig({ obedient: false });
    for (const taskId of ["t1", "t2"]) rig.scheduler.offer(sampleAssignment({ taskId }));
    const [first, second] = [await rig.started(1), await rig.started(2)];
    const wait = idle(rig, new AbortController().signal);
    first.end();
    await rig.ended(1);
    expect([first, second].map(({ context }) => context.signal.aborted)).toEqual([false, false]);
    expect(wait.over).toBe(false);
    second.end();
    await wait.waited;
    expect(rig.sent.slice(2)).toEqual([completed("t1"), completed("t2")]);
  });

  test("is over when it has waited enough", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const enough = new AbortController();
    const wait = idle(rig, enough.signal);
    enough.abort();
    await wait.waited;
    expect(task.context.signal.aborted).toBe(false);
    expect(rig.scheduler.activeTasks).toBe(1);
  });

  test("waits for what an earlier daemon left of the same task, too", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.recover([left("t-1", null, "e1"), left("t-1", null, "e2")]);
    const first = await rig.started(1);
    const wait = idle(rig, new AbortController().signal);
    first.end();
    const second = await rig.started(2);
    // After every turn that a wait for the first alone would need.
    await turns(1);
    expect(wait.over).toBe(false);
    second.end();
    await wait.waited;
    expect(rig.scheduler.activeTasks).toBe(0);
  });

  test("with nothing running is over at once", async () => {
    using rig = new SchedulerRig();
    await rig.scheduler.whenIdle(new AbortController().signal);
    expect(rig.sent).toEqual([]);
  });
});

describe("a stop", () => {
  test("rejects what comes and answers what is known", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    expect(rig.scheduler.admission.ofAssignments).toBe(true);
    rig.scheduler.admission.close();
    expect(rig.scheduler.admission.ofAssignments).toBe(false);
    rig.scheduler.offer(sampleAssignment({ taskId: "late" }));
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toEqual([claimed("t-1"), rejected("late", "worker is shutting down"), claimed("t-1")]);
  });

  test("reports every task as safe to retry, and resolves after the last", async () => {
    using rig = new SchedulerRig();
    for (let n = 0; n < 10; n++) rig.scheduler.offer(sampleAssignment({ taskId: `t${n}` }));
    await rig.started(10);
    await rig.scheduler.stopAll(new AbortController().signal);
    expect(rig.scheduler.activeTasks).toBe(0);
    expect(rig.sent.slice(10).toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => stopped(`t${n}`)));
    expect(rig.journal.running()).toEqual([]);
  });

  test("with nothing running resolves at once", async () => {
    using rig = new SchedulerRig();
    await rig.scheduler.stopAll(new AbortController().signal);
    expect(rig.sent).toEqual([]);
  });

  test("waits for a task that takes its grace period, and hurries it when told", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const hurry = new AbortController();
    let over = false;
    const stopping = rig.scheduler.stopAll(hurry.signal).then(() => {
      over = true;
    });
    expect([task.context.signal.aborted, task.context.hurry.aborted, over]).toEqual([true, false, false]);
    hurry.abort();
    expect(task.context.hurry.aborted).toBe(true);
    task.fail(task.context.signal.reason);
    await stopping;
    expect(rig.sent[1]).toBe(stopped("t-1"));
  });

  // Once: the listener is added without asking whether the signal has fired already.
  test("that has no time at all hurries its tasks from the start", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const stopping = rig.scheduler.stopAll(AbortSignal.abort());
    const hurried = task.context.hurry.aborted;
    task.fail(task.context.signal.reason);
    await stopping;
    expect(hurried).toBe(true);
  });

  test("waits until a cancellation has been passed on to whoever runs the task now", async () => {
    const telling = Promise.withResolvers<void>();
    using rig = new SchedulerRig();
    Object.assign(rig.backend, { cancelHandedOff: () => telling.promise });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    rig.scheduler.cancel("t-1");
    let told = false;
    const stopping = rig.scheduler.stopAll(new AbortController().signal).then(() => told);
    // After every turn that a stop without anything to wait for would need.
    setImmediate(() => {
      told = true;
      telling.resolve();
    });
    expect(await stopping).toBe(true);
  });

  test("of a task that ends well in that moment reports that it ended well", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const stopping = rig.scheduler.stopAll(new AbortController().signal);
    task.end();
    await stopping;
    expect(rig.sent[1]).toBe(completed("t-1"));
  });
});

describe("the first reason to stop wins", () => {
  test("a shutdown does not turn a cancelled task into a failed one", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    rig.scheduler.cancel("t-1");
    const stopping = rig.scheduler.stopAll(new AbortController().signal);
    task.fail(new Error("killed"));
    await stopping;
    expect(rig.sent[1]).toBe(cancelled("t-1"));
  });

  test("a cancellation during the shutdown does not hide that the task may be retried", async () => {
    using rig = new SchedulerRig({ obedient: false });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const stopping = rig.scheduler.stopAll(new AbortController().signal);
    rig.scheduler.cancel("t-1");
    task.fail(new Error("killed"));
    await stopping;
    expect(rig.sent[1]).toBe(stopped("t-1"));
  });
});

describe("the longest duration", () => {
  test("stops a task with task_timeout and not a moment earlier", async () => {
    jest.useFakeTimers();
    using rig = new SchedulerRig({ maxTaskDurationMs: 60_000 });
    rig.scheduler.offer(sampleAssignment());
    const { context } = await rig.started(1);
    jest.advanceTimersByTime(59_999);
    expect(context.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    const frames = await rig.frames(2);
    expect(JSON.parse(frames[1] ?? "").data).toMatchObject({ failure_reason: "task_timeout" });
  });

  test("does not touch a task that ended before, nor the next of the same id", async () => {
    jest.useFakeTimers();
    using rig = new SchedulerRig({ maxTaskDurationMs: 60_000 });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    await rig.frames(2);
    jest.advanceTimersByTime(59_000);
    rig.scheduler.offer(sampleAssignment({ executionId: "second" }));
    const second = await rig.started(2);
    jest.advanceTimersByTime(2_000);
    expect(second.context.signal.aborted).toBe(false);
    expect(jest.getTimerCount()).toBeGreaterThan(0);
    second.end();
    await rig.frames(4);
  });

  test("of a year is not cut to a moment by setTimeout's own limit", async () => {
    jest.useFakeTimers();
    using rig = new SchedulerRig({ maxTaskDurationMs: 365 * 24 * 3_600_000 });
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    jest.advanceTimersByTime(20 * 24 * 3_600_000);
    expect(task.context.signal.aborted).toBe(false);
    task.end();
    await rig.frames(2);
  });
});

describe("a limit that was over before the worker came back", () => {
  test("stops no task that turns out to have ended meanwhile, but one that still runs", async () => {
    jest.useFakeTimers();
    using rig = new SchedulerRig({ maxTaskDurationMs: 60_000 });
    const claimedAt = Date.now() - 3_600_000;
    rig.scheduler.recover([
      { ...left("ended", { pid: 3 }), claimedAt },
      { ...left("runs", { pid: 4 }), claimedAt },
    ]);
    const ended = await rig.started(1);
    const runs = await rig.started(2);
    // What it takes to look for it: the search for one whose pid nobody wrote down waits for 2 s.
    jest.advanceTimersByTime(3_000);
    expect(runs.context.signal.aborted).toBe(false);
    ended.end();
    expect(await rig.frames(1)).toEqual([completed("ended")]);
    jest.advanceTimersByTime(2_000);
    const frames = await rig.frames(2);
    expect(JSON.parse(frames[1] ?? "").data).toMatchObject({ failure_reason: "task_timeout" });
  });
});

describe("what an earlier daemon left", () => {
  test("is resumed with its handle and reported like any other, without a second claim", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.recover([left("a", { pid: 3 }), left("b")]);
    const first = await rig.started(1);
    const second = await rig.started(2);
    expect([first.resumedWith, second.resumedWith]).toEqual([{ pid: 3 }, null]);
    // Whoever asks the worker for its tasks looks there for what to find them by.
    expect(rig.scheduler.tasks().map(({ handle }) => handle)).toEqual([{ pid: 3 }, null]);
    first.end();
    second.end();
    expect((await rig.frames(2)).toSorted()).toEqual([completed("a"), completed("b")]);
  });

  test("counts for the limit, is above it if need be, and can be cancelled", async () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 1 });
    rig.scheduler.recover([left("a"), left("b")]);
    rig.scheduler.offer(sampleAssignment({ taskId: "c" }));
    expect(rig.scheduler.activeTasks).toBe(2);
    expect(rig.sent).toEqual([rejected("c", "worker at maximum concurrency")]);
    await rig.started(2);
    rig.scheduler.cancel("a");
    expect((await rig.frames(2))[1]).toBe(cancelled("a"));
  });

  test("and its user had cancelled is stopped for that", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.recover([{ ...left("a", { pid: 3 }), cancelled: true }, left("b")]);
    await rig.started(2);
    expect(await rig.frames(1)).toEqual([cancelled("a")]);
    expect(rig.scheduler.activeTasks).toBe(1);
  });

  test("and was about to tell of as cancelled, whoever runs it, is told of again", async () => {
    using rig = new SchedulerRig();
    const told: string[] = [];
    Object.assign(rig.backend, { cancelHandedOff: async ({ taskId }: Execution) => void told.push(taskId) });
    const ref = { taskId: "a", executionId: "e" };
    rig.journal.claim(ref, claimed("a"));
    rig.journal.end(ref, null);
    rig.journal.noteCancellation(ref);
    rig.scheduler.recover(rig.journal.running());
    await rig.scheduler.stopAll(new AbortController().signal);
    expect(told).toEqual(["a"]);
  });

  test("is claimed again, not run again, when the server sends it again", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.recover([left("t-1", { pid: 3 }, "exec-t-1")]);
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toEqual([claimed("t-1")]);
    (await rig.started(1)).end();
    await rig.frames(2);
    expect(rig.backend.started).toHaveLength(1);
  });

  test("is not resumed when the server's own redelivery was quicker", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    rig.scheduler.recover([left("t-1", null, "exec-t-1")]);
    (await rig.started(1)).end();
    await rig.ended(1);
    // Once: looked at before the first run ended, whose end is what began the second.
    await rig.scheduler.stopAll(new AbortController().signal);
    expect(rig.backend.started.map(({ resumedWith }) => resumedWith)).toEqual([undefined]);
    expect(rig.sent).toEqual([claimed("t-1"), completed("t-1")]);
  });

  // Once: two dead daemons may leave two executions of one task. The second is passed over: its processes
  // run on, nobody watches or ends them, and its row stays "running" in the journal until the next start.
  test("with two executions of one task looks after both, one after the other and each once", async () => {
    using rig = new SchedulerRig();
    for (const executionId of ["e1", "e2"]) rig.journal.claim({ taskId: "a", executionId }, claimed("a"));
    rig.scheduler.recover(rig.journal.running());
    const first = await rig.started(1);
    expect(rig.backend.started).toHaveLength(1);
    first.end();
    await rig.frames(1);
    await rig.scheduler.stopAll(new AbortController().signal);
    expect(rig.journal.running()).toEqual([]);
    expect(rig.backend.started).toHaveLength(2);
  });
});
