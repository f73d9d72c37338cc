import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { BadAnswers } from "../../../../src/backends/docker/bad-answers.ts";
import { EngineError, EngineGone } from "../../../../src/backends/docker/engine/errors.ts";

const MINUTE_MS = 60_000;
const refusal = new EngineError(403, "not for you");
const trouble = new EngineError(500, "database is locked");
const proxysRefusal = new EngineError(403, "a page", true);
const silence = new EngineGone("no answer");
const halfAnAnswer = new EngineError(200, "without a status", true);

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe("bad answers about a container that may run are enough", () => {
  test("when so many of them are refusals", () => {
    const bad = new BadAnswers(3);
    expect([refusal, trouble, refusal, silence, refusal].map((error) => bad.areEnoughWith(error))).toEqual([
      ...[false, false, false, false],
      true,
    ]);
  });

  test.each([
    ["the engine", trouble],
    ["a proxy", proxysRefusal],
  ] as const)("when %s is in trouble for five minutes, however often it says so", (_who, error) => {
    const bad = new BadAnswers(1);
    for (let minute = 0; minute < 5; minute++) {
      expect(bad.areEnoughWith(error)).toBe(false);
      jest.advanceTimersByTime(MINUTE_MS);
    }
    expect(bad.areEnoughWith(error)).toBe(true);
  });

  test.each([
    ["a good one", (bad: BadAnswers) => bad.forget()],
    ["silence", (bad: BadAnswers) => bad.areEnoughWith(silence)],
    ["half an answer", (bad: BadAnswers) => bad.areEnoughWith(halfAnAnswer)],
  ] as const)("not when %s came between two troubles", (_what, between) => {
    const bad = new BadAnswers(1);
    bad.areEnoughWith(trouble);
    jest.advanceTimersByTime(4 * MINUTE_MS);
    between(bad);
    jest.advanceTimersByTime(4 * MINUTE_MS);
    expect(bad.areEnoughWith(trouble)).toBe(false);
  });

  test("never of silence, however long it lasts", () => {
    const bad = new BadAnswers(1);
    for (let minute = 0; minute < 60; minute++) {
      expect(bad.areEnoughWith(silence)).toBe(false);
      jest.advanceTimersByTime(MINUTE_MS);
    }
  });

  test("at once with what is no answer of anybody's", () => {
    expect(new BadAnswers(3).areEnoughWith(new TypeError("a mistake of ours"))).toBe(true);
  });
});
