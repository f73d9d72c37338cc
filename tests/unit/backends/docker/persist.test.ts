import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { never } from "../../../../src/async/wait.ts";
import { EngineError, EngineGone, incomplete } from "../../../../src/backends/docker/engine/errors.ts";
import { isAway, persist } from "../../../../src/backends/docker/persist.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

// A start that hung for ten minutes was told of as failed, and the agent that it had started was killed.
test("what hung for longer than the patience lasts is asked for once more", async () => {
  const tries: number[] = [];
  const work = async () => {
    tries.push(tries.length);
    if (tries.length > 1) return "it had been done";
    jest.advanceTimersByTime(10 * 60_000);
    throw new EngineGone("nothing came");
  };
  const result = persist(work, never());
  await Promise.resolve().then(() => jest.advanceTimersByTime(5_000));
  expect(await result).toBe("it had been done");
  expect(tries).toEqual([0, 1]);
});

test.each([
  ["silence", new EngineGone("cut"), true],
  ["a restarting engine's proxy", new EngineError(503, "no backend"), true],
  ["half an answer", incomplete("its id"), true],
  ["a proxy that does not find the engine", new EngineError(404, "<h1>Not found</h1>", true), true],
  ["a proxy that refuses", new EngineError(403, "<h1>Forbidden</h1>", true), false],
  ["an engine that has no such thing", new EngineError(404, "no such container"), false],
  ["an engine that fails", new EngineError(500, "no space left on device"), false],
])("%s", (_what, error, away) => {
  expect(isAway(error)).toBe(away);
});
