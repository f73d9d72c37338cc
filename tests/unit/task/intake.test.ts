/** Each kind of message goes where it belongs, and no text at all throws. */
import { describe, expect, test } from "bun:test";
import { createIntake } from "../../../src/task/intake.ts";
import { cancelled, claimed, SchedulerRig } from "./scheduler-rig.ts";

const assignment = (taskId: string, more: object = {}) =>
  JSON.stringify({
    type: "task_assignment",
    data: { task_id: taskId, execution_id: "e", task: { id: taskId }, ...more },
  });

describe("a message of the control plane", () => {
  test("that assigns a task starts it, and one that cancels it ends it", async () => {
    using rig = new SchedulerRig();
    const take = createIntake(rig.scheduler, rig.log);
    take(assignment("a"));
    await rig.started(1);
    take(JSON.stringify({ type: "task_cancellation", data: { task_id: "a" } }));
    expect(await rig.frames(2)).toEqual([claimed("a"), cancelled("a")]);
    expect(rig.log.said("warn")).toEqual([]);
  });

  test("with a field that is not understood costs a warning that names it, and not the task", async () => {
    using rig = new SchedulerRig();
    createIntake(rig.scheduler, rig.log)(assignment("a", { instance_shape: "large" }));
    await rig.started(1);
    expect(rig.log.lines.filter(({ level }) => level === "warn")).toMatchObject([
      { fields: { taskId: "a", fields: "instance_shape" } },
    ]);
  });

  test("that cannot be used is answered with a failure when it names its task, and is a warning otherwise", () => {
    using rig = new SchedulerRig();
    const take = createIntake(rig.scheduler, rig.log);
    for (const text of [assignment("a", { task: 3 }), '{"type":"task_assignment","data":null}', "{", ""]) {
      take(text);
    }
    expect(rig.sent.map((frame) => JSON.parse(frame).data)).toEqual([
      {
        task_id: "a",
        message: "Failed to execute task: cannot read the assignment: task is not an object",
        failure_reason: "unknown",
      },
    ]);
    expect(rig.log.said("warn")).toHaveLength(4);
  });

  test("of a type that nobody knows is skipped without a warning", () => {
    using rig = new SchedulerRig();
    createIntake(rig.scheduler, rig.log)('{"type":"task_paused","data":{"task_id":"a"}}');
    expect([rig.sent, rig.log.said("warn")]).toEqual([[], []]);
  });
});
