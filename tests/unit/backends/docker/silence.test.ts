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
  silence.goesOn(new Error("away"));
  silence.forget();
  jest.advanceTimersByTime(3_600_000);
  silence.goesOn(new Error("away"));
  expect(log.said()).toEqual([]);
  jest.advanceTimersByTime(30_000);
  silence.goesOn(new Error("away"));
  expect(log.lines).toMatchObject([{ level: "warn", fields: { seconds: 30 } }]);
});
