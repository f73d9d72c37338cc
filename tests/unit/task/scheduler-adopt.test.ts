import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Orphan } from "../../../src/task/backend.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { SchedulerRig } from "./scheduler-rig.ts";

let rig: SchedulerRig;
const ref = { taskId: "t-1", executionId: "exec-t-1" };
const orphan: Orphan = { ...ref, handle: { container: "c" }, claimedAt: 0 };

beforeEach(() => {
  rig = new SchedulerRig();
});

afterEach(() => rig[Symbol.dispose]());

describe("a task of a dead worker that is offered", () => {
  test("is taken when nothing is known of it, and known from then on", async () => {
    expect(rig.scheduler.adopt(orphan)).toBe("taken");
    expect(rig.journal.find(ref)).toMatchObject({ ended: false, handle: orphan.handle });
    expect(rig.scheduler.adopt(orphan)).toBe("running");
  });

  test("is not taken while it runs here", () => {
    rig.scheduler.offer(sampleAssignment());
    expect(rig.scheduler.adopt(orphan)).toBe("running");
  });

  test("is not taken when its end was reported here", () => {
    rig.journal.claim(ref, "claim");
    rig.journal.end(ref, "end");
    expect(rig.scheduler.adopt(orphan)).toBe("ended");
  });

  // It had been left to another worker, which died later: its container was removed as if it had been reported.
  test("is taken when it was left to another worker, which is dead too by now", () => {
    rig.journal.claim(ref, "claim");
    rig.journal.end(ref, null);
    expect(rig.scheduler.adopt(orphan)).toBe("taken");
    expect(rig.journal.find(ref)).toMatchObject({ ended: false });
  });

  test("is taken again when it has no execution id, because nobody can tell", () => {
    rig.journal.claim({ ...ref, executionId: "" }, "claim");
    rig.journal.end({ ...ref, executionId: "" }, "end");
    expect(rig.scheduler.adopt({ ...orphan, executionId: "" })).toBe("taken");
  });

  test("is refused by a worker that stops", () => {
    rig.scheduler.stopAccepting();
    expect(rig.scheduler.adopt(orphan)).toBe("refused");
  });
});
