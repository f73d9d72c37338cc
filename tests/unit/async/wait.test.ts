import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { expiring, firing, outlasting, pause, turns, within } from "../../../src/async/wait.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const settled = async (promise: Promise<unknown>) => {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return done;
};

describe("pause", () => {
  test("ends after its time and not before", async () => {
    const waiting = pause(1_000, new AbortController().signal);
    jest.advanceTimersByTime(999);
    expect(await settled(waiting)).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await settled(waiting)).toBe(true);
  });

  test("ends with the signal and leaves no timer", async () => {
    const stop = new AbortController();
    const waiting = pause(1_000, stop.signal);
    stop.abort();
    expect(await settled(waiting)).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("does not begin under a signal that has fired", async () => {
    expect(await settled(pause(1_000, AbortSignal.abort()))).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("firing", () => {
  test("resolves when the signal fires, and at once when it has", async () => {
    const stop = new AbortController();
    using waiting = firing(stop.signal);
    expect(await settled(waiting.fired)).toBe(false);
    stop.abort();
    expect(await settled(waiting.fired)).toBe(true);
    using late = firing(stop.signal);
    expect(await settled(late.fired)).toBe(true);
  });

  test("is deaf once it is disposed of", async () => {
    const stop = new AbortController();
    const waiting = firing(stop.signal);
    waiting[Symbol.dispose]();
    stop.abort();
    expect(await settled(waiting.fired)).toBe(false);
  });
});

describe("expiring", () => {
  test("fires after its time, and with the other signal's reason before", () => {
    using late = expiring(new AbortController().signal, 1_000);
    const stop = new AbortController();
    using early = expiring(stop.signal, 1_000);
    const reason = new Error("stopped");
    stop.abort(reason);
    expect([late.signal.aborted, early.signal.reason]).toEqual([false, reason]);
    jest.advanceTimersByTime(1_000);
    expect(late.signal.reason).toMatchObject({ name: "TimeoutError" });
    expect(early.signal.reason).toBe(reason);
  });

  test("has fired when the other one has", () => {
    using expiry = expiring(AbortSignal.abort("gone"), 1_000);
    expect(expiry.signal.reason).toBe("gone");
  });

  test("keeps no timer and hears nothing once it is disposed of", () => {
    const stop = new AbortController();
    const expiry = expiring(stop.signal, 1_000);
    expiry[Symbol.dispose]();
    expect(jest.getTimerCount()).toBe(0);
    stop.abort();
    expect(expiry.signal.aborted).toBe(false);
  });

  test("fires when nothing came for its time, however long it went on before, for the reason that it is given", () => {
    using expiry = expiring(new AbortController().signal, 1_000, () => new Error("nothing came"));
    for (let times = 0; times < 3; times++) {
      jest.advanceTimersByTime(900);
      expiry.renew();
    }
    expect(expiry.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1_000);
    expect(expiry.signal.reason).toMatchObject({ message: "nothing came" });
  });

  test("tells its own end from that of the other signal, whichever came first", () => {
    const stop = new AbortController();
    using stopped = expiring(stop.signal, 1_000);
    using expired = expiring(stop.signal, 1_000);
    expired.expire();
    stop.abort("stopped");
    stopped.expire();
    expect([stopped.expired, expired.expired]).toEqual([false, true]);
    expect(stopped.signal.reason).toBe("stopped");
    expect(expired.signal.reason).toMatchObject({ name: "TimeoutError" });
  });
});

describe("outlasting", () => {
  test("fires only some time after the other one, with its reason", () => {
    const stop = new AbortController();
    using patience = outlasting(stop.signal, 1_000);
    jest.advanceTimersByTime(5_000);
    const reason = new Error("stopped");
    stop.abort(reason);
    jest.advanceTimersByTime(999);
    expect(patience.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(patience.signal.reason).toBe(reason);
  });

  test("counts from now on when the other one has fired", () => {
    using patience = outlasting(AbortSignal.abort("gone"), 1_000);
    expect(patience.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1_000);
    expect(patience.signal.reason).toBe("gone");
  });

  test("keeps no timer and hears nothing once it is disposed of", () => {
    const stop = new AbortController();
    const [before, after] = [outlasting(stop.signal, 1_000), outlasting(stop.signal, 1_000)];
    before[Symbol.dispose]();
    stop.abort();
    after[Symbol.dispose]();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("turns", () => {
  test("let what is due run in between", async () => {
    jest.useRealTimers();
    const seen: string[] = [];
    setImmediate(() => seen.push("due"));
    await turns(1);
    expect(seen).toEqual(["due"]);
  });
});

describe("within", () => {
  test("gives the work's value, and no timer stays", async () => {
    expect(await within(Promise.resolve(1), 1_000, null)).toBe(1);
    await settled(Promise.resolve());
    expect(jest.getTimerCount()).toBe(0);
  });

  test("gives the fallback at the deadline", async () => {
    const waiting = within(Promise.withResolvers().promise, 1_000, "late");
    jest.advanceTimersByTime(1_000);
    expect(await waiting).toBe("late");
  });

  test("passes a rejection through", async () => {
    expect(within(Promise.reject(new Error("no")), 1_000, null)).rejects.toThrow("no");
  });
});
