import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { type Attempt, OtlpSender } from "../../../src/telemetry/otlp-sender.ts";

const BYTES = new Uint8Array([1]);

function sender(attempts: readonly Attempt[], timeoutMs = 10_000) {
  const made: number[] = [];
  const way = {
    attempt: async (_bytes: Uint8Array, leftMs: number) => {
      made.push(leftMs);
      return attempts[Math.min(made.length, attempts.length) - 1] ?? again();
    },
    close: () => {},
  };
  return { made, sender: new OtlpSender(way, timeoutMs) };
}

const taken = (): Attempt => ({ kind: "taken", answer: new Uint8Array() });
const again = (waitMs: number | null = null): Attempt => ({
  kind: "failed",
  why: "busy",
  again: true,
  waitMs,
});
const final = (): Attempt => ({ kind: "failed", why: "refused", again: false, waitMs: null });

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Lets what waits for a promise go on, and then the clock. */
async function advance(ms: number): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  jest.advanceTimersByTime(ms);
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

describe("what is to be sent", () => {
  test("is tried again after a pause when that may help", async () => {
    const { made, sender: it } = sender([again(), taken()]);
    const sent = it.send(BYTES);
    await advance(500);
    expect(made).toHaveLength(1);
    await advance(1_000);
    await sent;
    expect(made).toHaveLength(2);
  });

  test("waits for as long as the collector asks", async () => {
    const { made, sender: it } = sender([again(5_000), taken()]);
    const sent = it.send(BYTES);
    await advance(4_900);
    expect(made).toHaveLength(1);
    await advance(200);
    await sent;
  });

  test("is given up at once when the pause would be too long", async () => {
    const { made, sender: it } = sender([again(60_000)]);
    expect(it.send(BYTES)).rejects.toThrow("busy");
    await advance(0);
    expect(made).toHaveLength(1);
  });

  test("is not tried again when it was refused", async () => {
    const { made, sender: it } = sender([final()]);
    expect(it.send(BYTES)).rejects.toThrow("refused");
    await advance(20_000);
    expect(made).toHaveLength(1);
  });

  test("has one time limit for all tries", async () => {
    const { made, sender: it } = sender([again()], 4_000);
    const sent = it.send(BYTES).catch((error: Error) => error.message);
    for (let i = 0; i < 60; i++) await advance(100);
    expect(await sent).toBe("busy");
    expect(made.length).toBeGreaterThan(1);
    expect(made.length).toBeLessThan(5);
    expect(made[0]).toBe(4_000);
    expect(made.at(-1)).toBeLessThan(4_000);
  });

  test("is told of by what was wrong, not by the end of a last try that had hardly any time", async () => {
    const outOfTime: Attempt = { kind: "failed", why: "out of time", again: true, waitMs: null };
    const { made, sender: it } = sender([again(1_400), outOfTime], 1_500);
    const sent = it.send(BYTES).catch((error: Error) => error.message);
    await advance(1_400);
    await advance(100);
    expect(await sent).toBe("busy");
    expect(made).toEqual([1_500, 100]);
  });

  test("is told of by a last try that was refused for good, however little time that had", async () => {
    const { sender: it } = sender([again(1_400), final()], 1_500);
    const sent = it.send(BYTES).catch((error: Error) => error.message);
    await advance(1_400);
    expect(await sent).toBe("refused");
  });

  test("is tried once more when the worker stops, and then given up", async () => {
    const { made, sender: it } = sender([again()]);
    const sent = it.send(BYTES).catch((error: Error) => error.message);
    await advance(0);
    it.hurry();
    expect(await sent).toBe("busy");
    expect(made).toHaveLength(2);
    expect(it.send(BYTES)).rejects.toThrow("busy");
    await advance(0);
    expect(made).toHaveLength(3);
  });
});
