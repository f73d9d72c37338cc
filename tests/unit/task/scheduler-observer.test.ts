/** What the scheduler tells those who watch: metrics and traces have no other source. */
import { expect, test } from "bun:test";
import { TaskFailure } from "../../../src/task/backend.ts";
import {
  type TaskObserver,
  type TaskTrail,
  UNOBSERVED,
  UNOBSERVED_TRAIL,
} from "../../../src/task/observer.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { SchedulerRig } from "./scheduler-rig.ts";

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
    unreadable: (taskId) => words.push(`${taskId} unreadable`),
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
  rig.scheduler.refuse("d", "task is not an object");
  expect(observer.words).toEqual([
    "a claimed",
    "b rejected atCapacity",
    "a started",
    "a ended failed, report 3",
    "c claimed",
    "c started",
    "c asked to stop: cancelled",
    "c ended cancelled, report 5",
    "d unreadable",
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
