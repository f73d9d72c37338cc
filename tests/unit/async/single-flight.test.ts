import { describe, expect, test } from "bun:test";
import { SingleFlight } from "../../../src/async/single-flight.ts";
import { never, turns } from "../../../src/async/wait.ts";

/** Work that is ended from outside, and says whether it was told to stop. */
function work<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let runs = 0;
  const seen: AbortSignal[] = [];
  const run = (signal: AbortSignal) => {
    runs += 1;
    seen.push(signal);
    return promise;
  };
  return { run, resolve, reject, seen, runs: () => runs };
}

/** How many listeners a signal has, as far as they go through these two calls. */
function countListeners(signal: AbortSignal): () => number {
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof add>) => {
      count += 1;
      add(...args);
    },
    removeEventListener: (...args: Parameters<typeof remove>) => {
      count -= 1;
      remove(...args);
    },
  });
  return () => count;
}

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

describe("the same work asked for by several", () => {
  test("is done once, and all have what it gives", async () => {
    const flights = new SingleFlight<number>();
    const { run, resolve, runs } = work<number>();
    const waiting = Array.from({ length: 8 }, () => flights.run("key", run, never()));
    resolve(7);
    expect(await Promise.all(waiting)).toEqual(Array(8).fill(7));
    expect(runs()).toBe(1);
  });

  test("is done for each key by itself, and again once it is done", async () => {
    const flights = new SingleFlight<number>();
    const { run, resolve, runs } = work<number>();
    resolve(1);
    await Promise.all([flights.run("a", run, never()), flights.run("b", run, never())]);
    await flights.run("a", run, never());
    expect(runs()).toBe(3);
  });

  test("fails for all with the same failure, and is begun anew by who asks then", async () => {
    const flights = new SingleFlight<number>();
    const { run, reject } = work<number>();
    const waiting = [flights.run("key", run, never()), flights.run("key", run, never())].map(outcome);
    const failure = new Error("no");
    reject(failure);
    expect(await Promise.all(waiting)).toEqual([{ error: failure }, { error: failure }]);
    expect(await flights.run("key", async () => 2, never())).toBe(2);
  });

  test("that throws before it has begun fails as well", async () => {
    const flights = new SingleFlight<number>();
    const broken = () => {
      throw new Error("no");
    };
    expect(await outcome(flights.run("key", broken, never()))).toEqual({ error: new Error("no") });
    expect(await flights.run("key", async () => 2, never())).toBe(2);
  });

  test("goes on for the others when one leaves", async () => {
    const flights = new SingleFlight<number>();
    const { run, resolve, seen } = work<number>();
    const stop = new AbortController();
    const leaving = outcome(flights.run("key", run, stop.signal));
    const staying = flights.run("key", run, never());
    const reason = new Error("cancelled");
    stop.abort(reason);
    expect(await leaving).toEqual({ error: reason });
    expect(seen.map(({ aborted }) => aborted)).toEqual([false]);
    resolve(3);
    expect(await staying).toBe(3);
  });

  test("is told to stop when the last one leaves, and its failure then is nobody's", async () => {
    const flights = new SingleFlight<number>();
    const { run, reject, seen } = work<number>();
    const stop = new AbortController();
    const leaving = outcome(flights.run("key", run, stop.signal));
    await turns(1);
    stop.abort(new Error("cancelled"));
    await leaving;
    expect(seen.map(({ aborted }) => aborted)).toEqual([true]);
    reject(new Error("an unhandled rejection would fail this test"));
    await turns(2);
  });

  // The new work took over what the old one was still putting away: its lock was removed under it.
  test("does not begin anew before what is being stopped has come to rest", async () => {
    const flights = new SingleFlight<number>();
    const first = work<number>();
    const stop = new AbortController();
    const leaving = outcome(flights.run("key", first.run, stop.signal));
    await turns(1);
    stop.abort(new Error("cancelled"));
    await leaving;
    const second = work<number>();
    const waiting = flights.run("key", second.run, never());
    await turns(2);
    expect(second.runs()).toBe(0);
    first.reject(new Error("stopped"));
    second.resolve(4);
    expect(await waiting).toBe(4);
    expect([first.runs(), second.runs()]).toEqual([1, 1]);
  });

  test("never begins for one who left while it waited for its turn", async () => {
    const flights = new SingleFlight<number>();
    const [first, second, third] = [work<number>(), work<number>(), work<number>()];
    for (const { run } of [first, second]) {
      const stop = new AbortController();
      const leaving = outcome(flights.run("key", run, stop.signal));
      await turns(1);
      stop.abort(new Error("cancelled"));
      await leaving;
    }
    const waiting = flights.run("key", third.run, never());
    first.resolve(1);
    third.resolve(3);
    expect(await waiting).toBe(3);
    expect(second.runs()).toBe(0);
  });

  test("can be waited for after all have left, until it has come to rest", async () => {
    const flights = new SingleFlight<number>();
    const { run, resolve } = work<number>();
    const stop = new AbortController();
    const leaving = outcome(flights.run("key", run, stop.signal));
    await turns(1);
    stop.abort(new Error("cancelled"));
    await leaving;
    let rested = false;
    const resting = flights.atRest("key").then(() => {
      rested = true;
    });
    await turns(3);
    expect(rested).toBe(false);
    resolve(1);
    await resting;
    await flights.atRest("another");
  });

  test("leaves no listener on the signals of those who wait", async () => {
    const flights = new SingleFlight<number>();
    const { run, resolve } = work<number>();
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    const waiting = Array.from({ length: 3 }, () => flights.run("key", run, signal));
    expect(listeners()).toBe(3);
    resolve(1);
    await Promise.all(waiting);
    expect(listeners()).toBe(0);
  });

  test("is not begun for a signal that has fired", async () => {
    const { run, runs } = work<number>();
    const reason = new Error("late");
    expect(await outcome(new SingleFlight<number>().run("key", run, AbortSignal.abort(reason)))).toEqual({
      error: reason,
    });
    expect(runs()).toBe(0);
  });
});
