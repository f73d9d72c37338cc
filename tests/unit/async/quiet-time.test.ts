import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { QuietTime } from "../../../src/async/quiet-time.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function rig(isQuiet: () => boolean) {
  const seen = { works: 0 };
  const quiet = new QuietTime({
    isQuiet,
    afterMs: 1_000,
    work: () => {
      seen.works += 1;
    },
  });
  return Object.assign(quiet, { seen });
}

describe("work that waits for quiet", () => {
  test("is done once for everything that ended in its time, and again after the next end", () => {
    using quiet = rig(() => true);
    for (let i = 0; i < 10; i++) quiet.ended();
    jest.advanceTimersByTime(999);
    expect(quiet.seen.works).toBe(0);
    jest.advanceTimersByTime(10_000);
    expect(quiet.seen.works).toBe(1);
    quiet.ended();
    jest.advanceTimersByTime(1_000);
    expect(quiet.seen.works).toBe(2);
  });

  test("is left out while something goes on, whose end asks for it again", () => {
    let running = 1;
    using quiet = rig(() => running === 0);
    quiet.ended();
    jest.advanceTimersByTime(5_000);
    expect(quiet.seen.works).toBe(0);
    running = 0;
    quiet.ended();
    jest.advanceTimersByTime(1_000);
    expect(quiet.seen.works).toBe(1);
  });

  test("is not done by an owner that has left", () => {
    const quiet = rig(() => true);
    quiet.ended();
    quiet[Symbol.dispose]();
    jest.advanceTimersByTime(5_000);
    expect(quiet.seen.works).toBe(0);
  });
});
