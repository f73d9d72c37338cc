import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { never } from "../../../../src/async/wait.ts";
import { EngineError, EngineGone, incomplete } from "../../../../src/backends/docker/engine/errors.ts";
import { isAway, patiently, persist } from "../../../../src/backends/docker/persist.ts";

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

// Podman hung, and was started again: the second try met nobody, and the task failed.
test("what hung for longer than the patience lasts has all of that from then on", async () => {
  const { end } = await outcomeOf(persist, (tries) => {
    if (tries === 1) jest.advanceTimersByTime(10 * 60_000);
    return tries < 8 ? AWAY : "done";
  });
  expect(end).toBe("done");
});

/** What `work` ends in, how often it was tried, and how long that took. */
async function outcomeOf(
  by: typeof persist | typeof patiently,
  answers: (tries: number) => unknown,
  signal = never(),
) {
  let tries = 0;
  const startedAt = performance.now();
  let end: unknown;
  const work = async () => {
    tries += 1;
    const answer = answers(tries);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  by(work, signal).then(
    (value) => {
      end = value;
    },
    (error: unknown) => {
      end = error;
    },
  );
  while (end === undefined) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    if (end === undefined) jest.advanceTimersByTime(250);
  }
  return { end, tries, seconds: (performance.now() - startedAt) / 1_000 };
}

const AWAY = new EngineGone("cut");
const REFUSED = new EngineError(403, "not for you");

test("an engine that is away is asked again for a minute, less and less often", async () => {
  const { end, tries, seconds } = await outcomeOf(persist, () => AWAY);
  expect(end).toBe(AWAY);
  expect([seconds >= 60, seconds <= 66, tries > 10, tries < 60]).toEqual([true, true, true, true]);
});

test("what an engine refuses is not asked for again", async () => {
  expect(await outcomeOf(persist, () => REFUSED)).toEqual({ end: REFUSED, tries: 1, seconds: 0 });
});

test("whoever has given up is not asked for, and hears why", async () => {
  const reason = new Error("stopped");
  expect(await outcomeOf(persist, () => "done", AbortSignal.abort(reason))).toMatchObject({
    end: reason,
    tries: 0,
  });
  const stop = new AbortController();
  const away = (tries: number) => {
    if (tries === 3) stop.abort(reason);
    return AWAY;
  };
  expect(await outcomeOf(persist, away, stop.signal)).toMatchObject({ end: reason, tries: 3 });
});

test("of what may run, two refusals are not believed and a third is, and an engine that is away is waited for", async () => {
  expect(await outcomeOf(patiently, () => REFUSED)).toMatchObject({ end: REFUSED, tries: 3 });
  expect(await outcomeOf(patiently, (tries) => (tries < 3 ? REFUSED : "done"))).toMatchObject({
    end: "done",
    tries: 3,
  });
  const long = await outcomeOf(patiently, (tries) => (tries < 100 ? AWAY : "done"));
  expect([long.end, long.seconds > 120]).toEqual(["done", true]);
  const fault = new TypeError("ours");
  expect(await outcomeOf(patiently, () => fault)).toMatchObject({ end: fault, tries: 1 });
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
