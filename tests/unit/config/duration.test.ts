import { describe, expect, test } from "bun:test";
import {
  EITHER_DURATION,
  GO_DURATION,
  HUMANTIME,
  parseDuration,
  parseGoDuration,
  parseHumantime,
} from "../../../src/config/duration.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const GO: readonly [string, number | null][] = [
  ["0", 0],
  ["0s", 0],
  ["30s", 30 * SECOND],
  ["1m30s", 90 * SECOND],
  ["500ms", 500],
  ["1.5h", 1.5 * HOUR],
  [".5s", 500],
  ["1.s", SECOND],
  ["250us", 0.25],
  ["250µs", 0.25],
  ["250μs", 0.25],
  ["1000ns", 0.001],
  ["2h45m10s", 2 * HOUR + 45 * MINUTE + 10 * SECOND],
  ["1s1s", 2 * SECOND],
  ["9876543210ns", 9876.54321],
  ["", null],
  ["30", null],
  ["00", null],
  ["s", null],
  [".s", null],
  ["1..5s", null],
  ["1.2.3s", null],
  ["-5s", null],
  ["+5s", null],
  ["5 s", null],
  [" 5s", null],
  ["5s ", null],
  ["1d", null],
  ["5S", null],
  ["1e3s", null],
  ["5s5", null],
  ["9999999999h", null],
  ["constructors", null],
];

const HUMAN: readonly [string, number | null][] = [
  ["45m", 45 * MINUTE],
  ["0s", 0],
  ["1h 30m", 90 * MINUTE],
  ["1h30m", 90 * MINUTE],
  ["1hour 12min 5s", HOUR + 12 * MINUTE + 5 * SECOND],
  ["2days", 2 * DAY],
  ["2 days", 2 * DAY],
  ["1d", DAY],
  ["1week", 7 * DAY],
  ["2weeks", 14 * DAY],
  ["1w", 7 * DAY],
  ["1month", 30.44 * DAY],
  ["1M", 30.44 * DAY],
  ["1m", MINUTE],
  ["1y", 365.25 * DAY],
  ["2years", 730.5 * DAY],
  ["10msec", 10],
  ["10ms", 10],
  ["10usec", 0.01],
  ["10nsec", 0.00001],
  ["1000000ns", 1],
  ["1second", SECOND],
  ["2seconds", 2 * SECOND],
  ["3sec", 3 * SECOND],
  ["1hr", HOUR],
  ["2hours", 2 * HOUR],
  ["1minute", MINUTE],
  ["2minutes", 2 * MINUTE],
  // Once refused, and the worker with it, for the agent's documentation does not list what its parser reads.
  ["45mins", 45 * MINUTE],
  ["90secs", 90 * SECOND],
  ["2hrs 1min", 2 * HOUR + MINUTE],
  ["500millis", 500],
  ["7nanos", 0.000007],
  ["1wk", null],
  ["", null],
  [" ", null],
  ["0", null],
  ["10", null],
  ["1.5h", null],
  ["-1h", null],
  ["1h,30m", null],
  [" 1h", null],
  ["1h ", null],
  ["1fortnight", null],
  ["h", null],
];

describe("a Go duration", () => {
  test.each(GO)("%p is %p ms", (text, ms) => {
    expect(parseGoDuration(text)).toBe(ms);
  });
  test.each(GO.filter(([text]) => text !== "9999999999h"))(
    "%p is judged alike by the JSON Schema",
    (text, ms) => {
      expect(new RegExp(GO_DURATION).test(text)).toBe(ms !== null);
    },
  );
});

describe("a humantime duration", () => {
  test.each(HUMAN)("%p is %p ms", (text, ms) => {
    if (ms === null) expect(parseHumantime(text)).toBeNull();
    else expect(parseHumantime(text)).toBeCloseTo(ms, 6);
  });
  test.each(HUMAN)("%p is judged alike by the JSON Schema", (text, ms) => {
    expect(new RegExp(HUMANTIME).test(text)).toBe(ms !== null);
  });
});

test("a setting of our own may be written either way", () => {
  expect(parseDuration("1.5h")).toBe(1.5 * HOUR);
  expect(parseDuration("2days")).toBe(2 * DAY);
  expect(parseDuration("soon")).toBeNull();
  expect(["1.5h", "2days", "soon"].map((text) => new RegExp(EITHER_DURATION).test(text))).toEqual([
    true,
    true,
    false,
  ]);
});
