import { afterEach, beforeEach, expect, jest, test } from "bun:test";
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
