import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { OutageLog } from "../../../src/control-plane/outage-log.ts";
import { recordLog } from "../logging/recorded-log.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test("the first failure of an outage is shown, the next for five minutes are not, and the count goes on", () => {
  const log = recordLog();
  const outages = new OutageLog(log);
  for (let second = 0; second < 601; second++) {
    outages.failed("cannot connect", { why: "refused" });
    jest.advanceTimersByTime(1_000);
  }
  const shown = log.lines.filter(({ level }) => level === "warn");
  expect(shown.map(({ fields }) => fields["attempts"])).toEqual([1, 301, 601]);
  expect(shown[0]).toEqual({
    level: "warn",
    message: "cannot connect",
    fields: { why: "refused", attempts: 1 },
  });
  expect(log.lines).toHaveLength(601);
});

test("a clock that is set back during an outage holds no reminder back", () => {
  const log = recordLog();
  const outages = new OutageLog(log);
  outages.failed("m", {});
  jest.setSystemTime(Date.now() - 86_400_000);
  jest.advanceTimersByTime(300_000);
  outages.failed("m", {});
  expect(log.said("warn")).toHaveLength(2);
  expect(outages.recovered()).toEqual({ afterAttempts: 2, outageSeconds: 300 });
});

test("a recovery tells how long and how often, and ends the outage", () => {
  const log = recordLog();
  const outages = new OutageLog(log);
  expect(outages.recovered()).toEqual({});
  jest.advanceTimersByTime(7_000);
  outages.failed("m", {});
  jest.advanceTimersByTime(90_000);
  outages.failed("m", {});
  expect(outages.recovered()).toEqual({ afterAttempts: 2, outageSeconds: 90 });
  expect(outages.recovered()).toEqual({});
  outages.failed("m", {});
  expect(log.said("warn")).toHaveLength(2);
});
