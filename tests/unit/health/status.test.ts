import { describe, expect, test } from "bun:test";
import { isAlive, statusOf, whyNotReady } from "../../../src/health/status.ts";
import { LINK, sources } from "./health-sources.ts";

const linked = (state: string) => sources({ link: () => ({ ...LINK, state }) });

const late = (...delaysMs: readonly number[]) =>
  sources({
    eventLoopDelayMs: () => Math.max(...delaysMs),
    beatsLateBy: (ms) => delaysMs.filter((delayMs) => delayMs >= ms).length,
  });

describe("a worker", () => {
  test.each([
    [sources(), true],
    [linked("waiting"), true],
    [linked("closed"), false],
    [late(29_999, 29_999, 29_999), true],
    // It was frozen (SIGSTOP, a paused container), and goes on.
    [late(600_000), true],
    [late(30_000, 30_000), false],
  ])("is alive as long as its loops turn: %#", (from, alive) => {
    expect([isAlive(from), statusOf(from, 0).alive]).toEqual([alive, alive]);
  });

  test.each([
    [sources(), null],
    [linked("connecting"), "the link to the control plane is connecting"],
    [sources({ accepting: () => false }), "the worker is starting or stopping"],
  ])("is ready while it is connected and takes tasks: %#", (from, why) => {
    expect([whyNotReady(from), statusOf(from, 0).ready]).toEqual([why, why === null]);
  });

  test("tells what it is, since when, and what lies undelivered", () => {
    const busy = sources({
      link: () => ({ ...LINK, since: 60_000, lastPongAt: 90_000 }),
      outbox: () => ({ size: 3, oldestSince: 70_000 }),
      journalDurable: () => false,
    });
    expect(statusOf(busy, 40_000, 100_000)).toEqual({
      version: "1.2.3",
      workerId: "w",
      backend: "docker",
      pid: process.pid,
      uptimeSeconds: 60,
      alive: true,
      ready: true,
      accepting: true,
      eventLoopDelaySeconds: 0.012,
      residentMemoryBytes: expect.any(Number),
      link: {
        state: "connected",
        since: "1970-01-01T00:01:00.000Z",
        lastPong: "1970-01-01T00:01:30.000Z",
        reconnects: 2,
      },
      outbox: { messages: 3, oldestAgeSeconds: 30 },
      journal: { durable: false },
      maxConcurrentTasks: 4,
      tasks: [],
    });
  });

  test("has waited for nothing that is not there, nor less than no time after the clock was set back", () => {
    const { outbox, link } = statusOf(sources(), 0, 1_000);
    expect([outbox.oldestAgeSeconds, link.lastPong]).toEqual([0, null]);
    const waiting = sources({ outbox: () => ({ size: 1, oldestSince: 2_000 }) });
    const early = statusOf(waiting, 5_000, 1_000);
    expect([early.uptimeSeconds, early.outbox.oldestAgeSeconds]).toEqual([0, 0]);
  });
});
