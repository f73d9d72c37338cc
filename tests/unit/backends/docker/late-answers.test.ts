import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { usualMsOf } from "../../../../src/backends/docker/engine/call-watch.ts";
import { HEAVY_CALL_MS } from "../../../../src/backends/docker/engine/limit.ts";
import { LateAnswers } from "../../../../src/backends/docker/late-answers.ts";
import { recordLog } from "../../logging/recorded-log.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function watched() {
  const log = recordLog();
  return { log, answers: new LateAnswers(log) };
}

const HANGS = "engine takes very long to answer, or hangs: tasks wait for it";
const AT_LAST = "engine has answered at last";

describe("a call to the engine", () => {
  test("that is answered in time, or left in time, is no news", () => {
    const { log, answers } = watched();
    const calls = ["GET /a", "POST /b"].map((call) => answers.begin(call, 30_000));
    jest.advanceTimersByTime(29_000);
    calls[0]?.end(true);
    calls[1]?.end(false);
    jest.advanceTimersByTime(60_000);
    expect(log.lines).toEqual([]);
  });

  // Podman waited for its own locks: a task that began said nothing for twenty minutes, and nobody knew why.
  test("that waits for long is told of once, with all those beside it, and so is the last one's answer", () => {
    const { log, answers } = watched();
    const [create, list] = [answers.begin("POST /create", 60_000), answers.begin("GET /list", 30_000)];
    jest.advanceTimersByTime(70_000);
    expect(log.lines).toMatchObject([
      { level: "warn", message: HANGS, fields: { call: "GET /list", seconds: 30 } },
    ]);
    list.end(true);
    create.end(true);
    expect(log.lines.slice(1)).toMatchObject([
      { level: "info", message: AT_LAST, fields: { call: "POST /create", seconds: 70 } },
    ]);
  });

  test("that is given up and made again is told of every ten minutes", () => {
    const { log, answers } = watched();
    for (let tries = 0; tries < 12; tries++) {
      const call = answers.begin("GET /list", 30_000);
      jest.advanceTimersByTime(60_000);
      call.end(false);
    }
    expect(log.lines.map(({ message }) => message)).toEqual([HANGS, HANGS]);
  });
});

test("what is usual follows from what a call may take, and of one without a limit nobody knows", () => {
  expect(usualMsOf(undefined)).toBe(30_000);
  expect(usualMsOf(HEAVY_CALL_MS)).toBe(60_000);
  // A stop with two minutes of grace, and one minute more.
  expect(usualMsOf(180_000)).toBe(150_000);
  expect([usualMsOf(null), usualMsOf(15_000)]).toEqual([null, null]);
});
