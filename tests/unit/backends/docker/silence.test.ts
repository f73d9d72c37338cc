import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { Silence } from "../../../../src/backends/docker/silence.ts";
import { recordLog } from "../../logging/recorded-log.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

// A task was cancelled while the engine was away; hours later one failed look was told as hours of silence.
test("a silence that nobody waits in any more is not counted on with the next one", () => {
  const log = recordLog();
  const silence = new Silence(log);
  silence.goesOn(new Error("away"), performance.now());
  silence.forget();
  jest.advanceTimersByTime(3_600_000);
  silence.goesOn(new Error("away"), performance.now());
  expect(log.said()).toEqual([]);
  jest.advanceTimersByTime(30_000);
  silence.goesOn(new Error("away"), performance.now());
  expect(log.lines).toMatchObject([{ level: "warn", fields: { seconds: 30 } }]);
});

// A frozen podman took each call, and the first line came after two minutes and a half.
test("a first look that waited in vain for longer than that is told at once", () => {
  const log = recordLog();
  const silence = new Silence(log);
  const lookedAt = performance.now();
  jest.advanceTimersByTime(60_000);
  silence.goesOn(new Error("nothing came within 60 s"), lookedAt);
  expect(log.lines).toMatchObject([{ level: "warn", fields: { seconds: 60 } }]);
});
