import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { Admission } from "../../../src/task/admission.ts";
import { Retirement } from "../../../src/task/retirement.ts";
import { recordLog } from "../logging/recorded-log.ts";

const IDLE_MS = 60_000;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

class Rig implements Disposable {
  readonly log = recordLog();
  readonly retirement: Retirement;
  owed = 0;
  readonly admission = new Admission();
  left = false;

  constructor(settings: { maxTasks?: number; exitAfterIdleMs?: number }) {
    this.retirement = new Retirement({ maxTasks: 0, exitAfterIdleMs: 0, ...settings }, this.log);
    void this.retirement.reached.then(() => {
      this.left = true;
    });
  }

  open(): void {
    this.retirement.open({ owed: () => this.owed, admission: this.admission });
  }

  get accepts(): "all" | "orphans" | "none" {
    if (this.admission.ofAssignments) return "all";
    return this.admission.ofOrphans ? "orphans" : "none";
  }

  begin(): void {
    this.owed += 1;
    this.retirement.taskBegun();
  }

  /** A task's end takes one away and owes its report instead. */
  settle(owed: number): void {
    this.owed = owed;
    this.retirement.owesLess();
  }

  /** Whether it has left by now. */
  async hasLeft(): Promise<boolean> {
    await Promise.resolve();
    return this.left;
  }

  [Symbol.dispose](): void {
    this.retirement[Symbol.dispose]();
  }
}

describe("a worker for so many tasks", () => {
  test("takes no more than those, and leaves when all of them have ended and been read", async () => {
    using rig = new Rig({ maxTasks: 2 });
    rig.open();
    rig.begin();
    expect(rig.accepts).toBe("all");
    rig.settle(0);
    expect(await rig.hasLeft()).toBe(false);
    rig.begin();
    expect(rig.accepts).toBe("orphans");
    // It has ended, and its report is under way.
    rig.settle(1);
    expect([rig.accepts, await rig.hasLeft()]).toEqual(["orphans", false]);
    rig.settle(0);
    // At once: what it took over in this moment would be stopped in the next.
    expect(rig.accepts).toBe("none");
    expect(await rig.hasLeft()).toBe(true);
  });

  test("counts those that it takes over", async () => {
    using rig = new Rig({ maxTasks: 1 });
    rig.owed = 1;
    rig.open();
    rig.retirement.taskBegun();
    expect(rig.accepts).toBe("orphans");
    rig.settle(0);
    expect(await rig.hasLeft()).toBe(true);
  });

  test("says once that it takes no more, whatever it takes over then", () => {
    using rig = new Rig({ maxTasks: 1 });
    rig.open();
    for (let n = 0; n < 3; n++) rig.begin();
    expect(rig.log.said("info")).toEqual([
      expect.stringMatching(/^taking no more tasks: max_tasks is reached/),
    ]);
  });

  test("does not leave before its first one, however long that takes", async () => {
    using rig = new Rig({ maxTasks: 1 });
    rig.open();
    jest.advanceTimersByTime(24 * IDLE_MS);
    expect([rig.accepts, await rig.hasLeft()]).toEqual(["all", false]);
  });
});

describe("a worker that leaves when it is idle", () => {
  test("does so when no task came for so long", async () => {
    using rig = new Rig({ exitAfterIdleMs: IDLE_MS });
    jest.advanceTimersByTime(IDLE_MS);
    rig.open();
    jest.advanceTimersByTime(IDLE_MS - 1);
    expect([rig.accepts, await rig.hasLeft()]).toEqual(["all", false]);
    jest.advanceTimersByTime(1);
    expect([rig.accepts, await rig.hasLeft()]).toEqual(["none", true]);
  });

  test("is not idle while a task runs, or while its report is not read", async () => {
    using rig = new Rig({ exitAfterIdleMs: IDLE_MS });
    rig.open();
    jest.advanceTimersByTime(IDLE_MS - 1);
    rig.begin();
    jest.advanceTimersByTime(10 * IDLE_MS);
    rig.settle(1);
    jest.advanceTimersByTime(10 * IDLE_MS);
    expect(await rig.hasLeft()).toBe(false);
    rig.settle(0);
    jest.advanceTimersByTime(IDLE_MS - 1);
    expect(await rig.hasLeft()).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await rig.hasLeft()).toBe(true);
  });

  test("counts from the end of its last task on, whatever was read before that", async () => {
    using rig = new Rig({ exitAfterIdleMs: IDLE_MS });
    rig.open();
    // As of a rejection.
    rig.settle(0);
    jest.advanceTimersByTime(IDLE_MS - 1);
    rig.begin();
    rig.settle(0);
    jest.advanceTimersByTime(IDLE_MS - 1);
    expect([rig.accepts, await rig.hasLeft()]).toEqual(["all", false]);
    jest.advanceTimersByTime(1);
    expect(await rig.hasLeft()).toBe(true);
  });

  test("stays when something is owed in that moment, and begins anew", async () => {
    using rig = new Rig({ exitAfterIdleMs: IDLE_MS });
    rig.open();
    // A message, such as a rejection, which is no task.
    rig.owed = 1;
    jest.advanceTimersByTime(IDLE_MS);
    expect([rig.accepts, await rig.hasLeft()]).toEqual(["all", false]);
    rig.settle(0);
    jest.advanceTimersByTime(IDLE_MS);
    expect(await rig.hasLeft()).toBe(true);
  });
});

test("a worker with neither setting never leaves by itself", async () => {
  using rig = new Rig({});
  rig.open();
  for (let n = 0; n < 100; n++) {
    rig.begin();
    rig.settle(0);
  }
  jest.advanceTimersByTime(1_000 * IDLE_MS);
  expect([rig.accepts, await rig.hasLeft()]).toEqual(["all", false]);
});
