import { describe, expect, test } from "bun:test";
import { sampleAssignment } from "./sample-assignment.ts";
import { cancelled, claimed, completed, rejected, SchedulerRig } from "./scheduler-rig.ts";

/** Two daemons are dead: each had an execution of task `a`. */
function rigWithTwo(): SchedulerRig {
  const rig = new SchedulerRig();
  for (const executionId of ["e1", "e2"]) rig.journal.claim({ taskId: "a", executionId }, claimed("a"));
  rig.scheduler.recover(rig.journal.running());
  return rig;
}

describe("the second of two executions that dead daemons left of one task", () => {
  // Its dispatch once went on to the engine, and its container for hours, after the control plane was told that
  // the task was cancelled.
  test("is cancelled with the first: whoever cancels a task means all of it", async () => {
    using rig = rigWithTwo();
    rig.scheduler.cancel("a");
    expect(rig.journal.running().map((execution) => execution.cancelled)).toEqual([true, true]);
    expect(await rig.frames(2)).toEqual([cancelled("a"), cancelled("a")]);
    expect(rig.scheduler.activeTasks).toBe(0);
  });

  test("is claimed again when it is sent again before its turn: it runs, and was once given away", async () => {
    using rig = rigWithTwo();
    const first = await rig.started(1);
    rig.scheduler.offer(sampleAssignment({ taskId: "a", executionId: "e2" }));
    rig.scheduler.offer(sampleAssignment({ taskId: "a", executionId: "e3" }));
    expect(rig.sent).toEqual([
      claimed("a"),
      rejected("a", "another execution of this task is still running"),
    ]);
    first.end();
    (await rig.started(2)).end();
    expect((await rig.frames(4)).slice(2)).toEqual([completed("a"), completed("a")]);
    rig.scheduler.offer(sampleAssignment({ taskId: "a", executionId: "e2" }));
    expect(rig.sent.slice(4)).toEqual([completed("a")]);
  });

  // One agent works in a task's folder: which one that is the first has to know, or it ends the other's.
  test("is what the first is told of, and is told of nothing itself", async () => {
    using rig = new SchedulerRig();
    const left = { taskId: "a", ended: false, terminal: null, cancelled: false };
    rig.scheduler.recover([
      { ...left, executionId: "e1", claimedAt: 2, handle: { of: 2 } },
      { ...left, executionId: "e2", claimedAt: 1, handle: { of: 1 } },
    ]);
    const first = await rig.started(1);
    first.end();
    const second = await rig.started(2);
    expect([first.resumedWith, first.context.later]).toEqual([{ of: 1 }, { of: 2 }]);
    expect([second.resumedWith, second.context.later]).toEqual([{ of: 2 }, undefined]);
  });

  test("is told of a third one that was begun since, though it waits for its turn", async () => {
    using rig = new SchedulerRig();
    const left = { taskId: "a", ended: false, terminal: null, cancelled: false };
    rig.scheduler.recover(
      [1, 2, 3].map((of) => ({ ...left, executionId: `e${of}`, claimedAt: of, handle: { of } })),
    );
    (await rig.started(1)).end();
    const second = await rig.started(2);
    expect([second.resumedWith, second.context.later]).toEqual([{ of: 2 }, { of: 3 }]);
  });
});
