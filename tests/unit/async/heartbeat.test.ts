import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { Heartbeat } from "../../../src/async/heartbeat.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test("a loop that turns is not late", () => {
  using heart = new Heartbeat();
  for (let i = 0; i < 90; i++) jest.advanceTimersByTime(1_000);
  expect(heart.delayMs).toBe(0);
});

test("nothing is left of it when it is let go of", () => {
  new Heartbeat()[Symbol.dispose]();
  expect(jest.getTimerCount()).toBe(0);
});

test("a loop that is blocked is late by as much, at once", () => {
  jest.useRealTimers();
  using heart = new Heartbeat();
  const until = performance.now() + 1_100;
  while (performance.now() < until);
  expect(heart.delayMs).toBeGreaterThan(50);
});

test("each time that it was late counts once, for a minute", () => {
  const turning = performance.now.bind(performance);
  let frozenMs = 0;
  using _clock = spyOn(performance, "now").mockImplementation(() => turning() + frozenMs);
  using heart = new Heartbeat();
  const lateBeats = () => [heart.beatsLateBy(40_000), heart.beatsLateBy(40_001)];
  expect(lateBeats()).toEqual([0, 0]);
  frozenMs += 41_000;
  expect(lateBeats()).toEqual([1, 0]);
  jest.advanceTimersByTime(1_000);
  expect(lateBeats()).toEqual([1, 1]);
  frozenMs += 41_000;
  expect(lateBeats()).toEqual([2, 1]);
  jest.advanceTimersByTime(60_000);
  expect(lateBeats()).toEqual([1, 1]);
  jest.advanceTimersByTime(1_000);
  expect(lateBeats()).toEqual([0, 0]);
});
