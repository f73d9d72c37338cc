import { afterEach, describe, expect, jest, test } from "bun:test";
import { StopRequest } from "../../../src/async/stop-request.ts";

afterEach(() => void jest.useRealTimers());

/** Waits until there was patience enough. */
function waiting(stop: StopRequest, ms: number): Promise<void> {
  return stop.patiently(ms, aborted);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

describe("a request to stop", () => {
  test("is heeded once, and a second time there is nothing left to ask for", () => {
    const stop = new StopRequest();
    expect(stop.signal.aborted).toBe(false);
    expect([stop.ask(), stop.signal.aborted]).toEqual([true, true]);
    expect(stop.ask()).toBe(false);
  });

  test("that is made again ends what is waited for, and then there is nothing left", async () => {
    const stop = new StopRequest();
    stop.ask();
    const waited = waiting(stop, 3_600_000);
    expect(stop.ask()).toBe(true);
    expect(stop.ask()).toBe(false);
    await waited;
    expect(stop.ask()).toBe(false);
  });

  test("that is insisted on ends what is waited for, and leaves what comes then to its time", async () => {
    const stop = new StopRequest();
    stop.ask();
    const waited = waiting(stop, 3_600_000);
    expect(stop.isUrgent).toBe(false);
    stop.insist();
    expect(stop.isUrgent).toBe(true);
    await waited;
    stop.insist();
    expect(stop.ask()).toBe(false);
  });

  test("that is insisted on from the first is one", () => {
    const stop = new StopRequest();
    stop.insist();
    expect([stop.signal.aborted, stop.isUrgent, stop.ask()]).toEqual([true, true, false]);
  });

  test("without hurry is one to stop, and is made once", () => {
    const stop = new StopRequest();
    stop.askUnhurried();
    expect([stop.signal.aborted, stop.isUnhurried]).toEqual([true, true]);
    expect([stop.ask(), stop.isUnhurried]).toEqual([true, false]);
    stop.askUnhurried();
    expect([stop.isUnhurried, stop.ask()]).toEqual([false, false]);
  });

  test("in earnest ends an unhurried wait, and the one after that has a wait of its own to end", async () => {
    const stop = new StopRequest();
    stop.askUnhurried();
    const waited = stop.unhurriedly(aborted);
    stop.askUnhurried();
    expect(stop.ask()).toBe(true);
    await waited;
    const last = waiting(stop, 3_600_000);
    expect(stop.ask()).toBe(true);
    await last;
    expect(stop.ask()).toBe(false);
  });

  test("that is insisted on ends an unhurried wait", async () => {
    const stop = new StopRequest();
    stop.askUnhurried();
    const waited = stop.unhurriedly(aborted);
    stop.insist();
    await waited;
    expect([stop.isUnhurried, stop.isUrgent, stop.ask()]).toEqual([false, true, false]);
  });

  test("waits no longer than it was given", async () => {
    jest.useFakeTimers();
    const stop = new StopRequest();
    stop.ask();
    let over = false;
    const waited = waiting(stop, 60_000).then(() => {
      over = true;
    });
    jest.advanceTimersByTime(59_999);
    await Promise.resolve();
    expect(over).toBe(false);
    jest.advanceTimersByTime(1);
    await waited;
    expect(stop.ask()).toBe(false);
  });

  test("has nothing to cut short any more when the wait failed", async () => {
    const stop = new StopRequest();
    stop.ask();
    const failed = stop.patiently(60_000, () => Promise.reject(new Error("no")));
    await expect(failed).rejects.toThrow("no");
    expect(stop.ask()).toBe(false);
  });
});
