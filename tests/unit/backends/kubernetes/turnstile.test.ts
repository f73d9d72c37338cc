/** Who is let in, and when, where places are few. */
import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { never } from "../../../../src/async/wait.ts";
import { Turnstile } from "../../../../src/backends/kubernetes/client/turnstile.ts";

/** Comes in, and says so. */
function coming(turnstile: Turnstile, name: string, inside: string[], signal = never()): Promise<Disposable> {
  const entered = turnstile.enter(signal);
  entered.then(
    () => inside.push(name),
    () => {},
  );
  return entered;
}

test("first come, first served, and a place that is given back twice is one place", async () => {
  const turnstile = new Turnstile(1);
  const inside: string[] = [];
  const first = await coming(turnstile, "a", inside);
  const second = coming(turnstile, "b", inside);
  const third = coming(turnstile, "c", inside);
  expect([turnstile.size, inside]).toEqual([3, ["a"]]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  await third;
  expect([turnstile.size, inside]).toEqual([1, ["a", "b", "c"]]);
});

test("who is called away while he waits leaves at once, and those behind him get the place", async () => {
  const turnstile = new Turnstile(1);
  const inside: string[] = [];
  const first = await coming(turnstile, "a", inside);
  const away = new AbortController();
  const second = coming(turnstile, "b", inside, away.signal);
  const third = coming(turnstile, "c", inside);
  away.abort(new Error("called away"));
  await expect(second).rejects.toThrow("called away");
  expect(turnstile.size).toBe(2);
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  expect([turnstile.size, inside]).toEqual([0, ["a", "c"]]);
});

// A worker's own signal lives as long as the worker.
test("who has had his turn leaves nothing behind at his signal", async () => {
  const turnstile = new Turnstile(1);
  const { signal } = new AbortController();
  const first = await turnstile.enter(signal);
  const second = turnstile.enter(signal);
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("who was called away before he came takes no place", async () => {
  const turnstile = new Turnstile(1);
  await expect(turnstile.enter(AbortSignal.abort(new Error("called away")))).rejects.toThrow("called away");
  expect(turnstile.size).toBe(0);
});
