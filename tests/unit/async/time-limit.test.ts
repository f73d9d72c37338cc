import { afterEach, describe, expect, jest, test } from "bun:test";
import { limitTime } from "../../../src/async/time-limit.ts";

afterEach(() => jest.useRealTimers());

/** A minute's limit, by a clock that goes on while the process is frozen. */
class Rig {
  over = 0;
  frozenMs = 0;
  readonly limit: Disposable;
  private readonly startedAt = Date.now();

  constructor() {
    const now = () => Date.now() - this.startedAt + this.frozenMs;
    this.limit = limitTime(60_000, () => this.over++, now);
  }
}

describe("a limit of time", () => {
  test("is over when it is, once", () => {
    jest.useFakeTimers();
    const rig = new Rig();
    jest.advanceTimersByTime(59_999);
    expect(rig.over).toBe(0);
    jest.advanceTimersByTime(1);
    expect(rig.over).toBe(1);
    jest.advanceTimersByTime(60_000);
    expect(rig.over).toBe(1);
  });

  test("is not over once nobody wants it", () => {
    jest.useFakeTimers();
    const rig = new Rig();
    rig.limit[Symbol.dispose]();
    jest.advanceTimersByTime(120_000);
    expect(rig.over).toBe(0);
  });

  // Once: a task that ended well while its worker was frozen was reported as over time.
  test("that ran out while the process was frozen leaves it the time to hear what has ended meanwhile", () => {
    jest.useFakeTimers();
    const [heard, unheard] = [new Rig(), new Rig()];
    for (const rig of [heard, unheard]) rig.frozenMs = 3_600_000;
    jest.advanceTimersByTime(60_000);
    expect([heard.over, unheard.over]).toEqual([0, 0]);
    heard.limit[Symbol.dispose]();
    jest.advanceTimersByTime(5_000);
    expect([heard.over, unheard.over]).toEqual([0, 1]);
  });
});
