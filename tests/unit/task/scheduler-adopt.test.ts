import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Orphan } from "../../../src/task/backend.ts";
import { EarlyCancellations } from "../../../src/task/early-cancellations.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { cancelled, claimed, completed, rejected, SchedulerRig } from "./scheduler-rig.ts";

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
    expect(rig.journal.find(ref)).toMatchObject({
      ended: false,
      handle: orphan.handle,
      cancelled: false,
    });
    expect(rig.scheduler.adopt(orphan)).toBe("running");
  });

  test("is not taken while it runs here", () => {
    rig.scheduler.offer(sampleAssignment());
    expect(rig.scheduler.adopt(orphan)).toBe("running");
  });

  test("is taken later while another execution of its task runs here", async () => {
    rig.scheduler.offer(sampleAssignment({ executionId: "another" }));
    expect(rig.scheduler.adopt(orphan)).toBe("later");
    expect(rig.journal.find(ref)).toBeNull();
    (await rig.started(1)).end();
    await rig.ended(1);
    expect(rig.scheduler.adopt(orphan)).toBe("taken");
  });

  test.each([0, Date.now()])("is not taken when its end was reported here, begun %d", (claimedAt) => {
    rig.journal.claim(ref, "claim");
    rig.journal.delivered(rig.journal.end(ref, "end")?.seq ?? 0);
    expect(rig.scheduler.adopt({ ...orphan, claimedAt })).toBe("ended");
  });

  // A worker that was started again in an outage deleted the Job, and who was given the task meanwhile ran it once more.
  test("is not taken, nor said to be reported, while its end is not proven to have been read", () => {
    rig.journal.claim(ref, "claim");
    const end = rig.journal.end(ref, "end")?.seq ?? 0;
    rig.journal.delivered(end - 1);
    expect(rig.scheduler.adopt(orphan)).toBe("unproven");
    rig.journal.delivered(end);
    expect(rig.scheduler.adopt(orphan)).toBe("ended");
    expect(rig.journal.running()).toEqual([]);
  });

  // It had been left to another worker, which died later: its container was removed as if it had been reported.
  test("is taken when it was left to another worker, which is dead too by now", () => {
    rig.journal.claim(ref, "claim");
    rig.journal.end(ref, null);
    expect(rig.scheduler.adopt(orphan)).toBe("taken");
    expect(rig.journal.find(ref)).toMatchObject({ ended: false });
  });

  describe("and has no execution id", () => {
    const plain = { ...ref, executionId: "" };

    beforeEach(() => {
      rig.journal.claim(plain, "claim");
      rig.journal.delivered(rig.journal.end(plain, "end")?.seq ?? 0);
    });

    // It was told twice after a restart in an outage: its Job stays until the far side is proven to know its end.
    test("is not taken when it was begun before the end that was reported here", () => {
      expect(rig.scheduler.adopt({ ...orphan, ...plain, claimedAt: Date.now() - 10_000 })).toBe("ended");
    });

    test("is taken when it may have been begun after that, as a new run of its task", () => {
      expect(rig.scheduler.adopt({ ...orphan, ...plain, claimedAt: Date.now() - 2_000 })).toBe("taken");
    });
  });

  // It may run its last task for hours. A cluster's Job was claimed meanwhile and then refused: nobody followed it.
  test("is taken by a worker that has had its last assignment", () => {
    rig.scheduler.admission.closeToAssignments();
    rig.scheduler.offer(sampleAssignment({ taskId: "late" }));
    expect(rig.sent).toEqual([rejected("late", "worker is shutting down")]);
    expect(rig.scheduler.adopt(orphan)).toBe("taken");
  });

  test("is refused by a worker that stops, also when it comes to its last assignment after that", () => {
    rig.scheduler.admission.close();
    expect(rig.scheduler.adopt(orphan)).toBe("refused");
    rig.scheduler.admission.closeToAssignments();
    expect(rig.scheduler.adopt(orphan)).toBe("refused");
  });
});

/** It comes once, and perhaps in the minute in which nobody has proven yet that the task's worker is dead. */
describe("a cancellation that comes before the task of a dead worker is taken over", () => {
  const since = Date.now() - 1_000;

  test("is heeded when it is, and outlives this worker too", async () => {
    rig.scheduler.cancel("t-1");
    expect(rig.scheduler.adopt({ ...orphan, claimedAt: since })).toBe("taken");
    expect(rig.journal.running()).toMatchObject([{ cancelled: true }]);
    expect(await rig.frames(2)).toEqual([claimed("t-1"), cancelled("t-1")]);
  });

  // The control plane had its CANCELLED, and the other execution was taken over 40 s later and worked on.
  test("is heeded although another execution of the task ran here, and was stopped by it", async () => {
    rig.scheduler.offer(sampleAssignment({ executionId: "another" }));
    await rig.started(1);
    rig.scheduler.cancel("t-1");
    await rig.ended(1);
    expect(rig.scheduler.adopt({ ...orphan, claimedAt: since })).toBe("taken");
    expect((await rig.frames(4)).slice(1)).toEqual([cancelled("t-1"), claimed("t-1"), cancelled("t-1")]);
  });

  test("is of no account for what was begun later", async () => {
    rig.scheduler.cancel("t-1");
    expect(rig.scheduler.adopt({ ...orphan, claimedAt: Date.now() + 60_000 })).toBe("taken");
    (await rig.started(1)).end();
    expect(await rig.frames(2)).toEqual([claimed("t-1"), completed("t-1")]);
  });

  test("is of no account once the task was given to this worker anew", async () => {
    rig.scheduler.cancel("t-1");
    rig.scheduler.offer(sampleAssignment({ executionId: "another" }));
    (await rig.started(1)).end();
    await rig.ended(1);
    expect(rig.scheduler.adopt({ ...orphan, claimedAt: since })).toBe("taken");
    (await rig.started(2)).end();
    expect((await rig.frames(4)).at(-1)).toBe(completed("t-1"));
  });
});

describe("cancellations of tasks that are not here", () => {
  test("are kept for ten minutes, the last thousand of them, and each counts once", () => {
    const early = new EarlyCancellations();
    const minuteMs = 60_000;
    early.note("old", 0);
    expect(early.take("old", 0, 11 * minuteMs)).toBe(false);
    early.note("young", 0);
    expect(early.take("young", 0, 9 * minuteMs)).toBe(true);
    expect(early.take("young", 0, 9 * minuteMs)).toBe(false);
    for (let nth = 0; nth < 1_001; nth++) early.note(`task-${nth}`, minuteMs);
    expect(early.take("task-0", 0, minuteMs)).toBe(false);
    expect(early.take("task-1", 0, minuteMs)).toBe(true);
  });
});
