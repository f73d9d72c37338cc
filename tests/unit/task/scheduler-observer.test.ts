/** What the scheduler tells those who watch: metrics and traces have no other source. */
import { afterEach, expect, jest, test } from "bun:test";
import { TaskFailure } from "../../../src/task/backend.ts";
import {
  type TaskObserver,
  type TaskTrail,
  UNOBSERVED,
  UNOBSERVED_TRAIL,
} from "../../../src/task/observer.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { SchedulerRig } from "./scheduler-rig.ts";

afterEach(() => void jest.useRealTimers());

/** Writes down each word and the task that it is about. */
function recordingObserver(): TaskObserver & { readonly words: string[] } {
  const words: string[] = [];
  const trailOf = (taskId: string): TaskTrail => ({
    ...UNOBSERVED_TRAIL,
    rejected: (why) => words.push(`${taskId} rejected ${why}`),
    claimed: () => words.push(`${taskId} claimed`),
    started: () => words.push(`${taskId} started`),
    stopRequested: (why) => words.push(`${taskId} asked to stop: ${why}`),
    ended: ({ kind }, _seconds, report) => words.push(`${taskId} ended ${kind}, report ${report}`),
  });
  return {
    ...UNOBSERVED,
    words,
    assigned: ({ taskId }) => trailOf(taskId),
    takenOver: ({ taskId }) => trailOf(taskId),
    unreadable: (taskId, why) => words.push(`${taskId} unreadable: ${why}`),
  };
}

test("whoever watches is told each step of a task once and in order, and which frame reports its end", async () => {
  const observer = recordingObserver();
  using rig = new SchedulerRig({ observer, maxConcurrentTasks: 1 });
  rig.scheduler.offer(sampleAssignment({ taskId: "a" }));
  rig.scheduler.offer(sampleAssignment({ taskId: "b" }));
  (await rig.started(1)).fail(new TaskFailure("agent_invocation", "it exited"));
  await rig.ended(1);
  rig.scheduler.offer(sampleAssignment({ taskId: "c" }));
  await rig.started(2);
  rig.scheduler.cancel("c");
  rig.scheduler.cancel("c");
  await rig.ended(2);
  rig.scheduler.refuse({ taskId: "d", executionId: "e" }, "task is not an object");
  expect(observer.words).toEqual([
    "a claimed",
    "b rejected atCapacity",
    "a started",
    "a ended failed, report 3",
    "c claimed",
    "c started",
    "c asked to stop: cancelled",
    "c ended cancelled, report 5",
    "d unreadable: Failed to execute task: cannot read the assignment: task is not an object",
  ]);
});

test("a task that was taken over is started again for those who watch, and is not claimed twice", async () => {
  const observer = recordingObserver();
  using rig = new SchedulerRig({ observer });
  rig.journal.claim({ taskId: "a", executionId: "e" }, "claimed");
  rig.scheduler.recover(rig.journal.running());
  (await rig.started(1)).end("handed-off");
  await rig.ended(1);
  expect(observer.words).toEqual(["a started", "a ended handed-off, report null"]);
});

test("whoever watches, and whoever reads the log, is told in seconds for how long a task ran", async () => {
  jest.useFakeTimers();
  jest.advanceTimersByTime(1_000);
  const told: number[] = [];
  const trail: TaskTrail = { ...UNOBSERVED_TRAIL, ended: (_outcome, seconds) => void told.push(seconds) };
  using rig = new SchedulerRig({ observer: { ...UNOBSERVED, assigned: () => trail } });
  for (const taskId of ["a", "b"]) rig.scheduler.offer(sampleAssignment({ taskId, executionId: "e" }));
  const first = await rig.started(1);
  const second = await rig.started(2);
  jest.advanceTimersByTime(2_500);
  first.end();
  second.fail(new TaskFailure("agent_invocation", "it exited", { exitCode: 3 }));
  await rig.ended(2);
  expect(told).toEqual([2.5, 2.5]);
  expect(rig.log.lines.slice(-2)).toEqual([
    {
      level: "info",
      message: "task ended",
      fields: { taskId: "a", executionId: "e", result: "completed", seconds: 2.5 },
    },
    {
      level: "warn",
      message: "task failed",
      fields: {
        taskId: "b",
        executionId: "e",
        result: "failed",
        seconds: 2.5,
        reason: "agent_invocation",
        exitCode: 3,
        why: "Failed to execute task: it exited",
      },
    },
  ]);
});
