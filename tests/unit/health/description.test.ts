import { describe, expect, test } from "bun:test";
import { describeWorker } from "../../../src/health/description.ts";
import type { HealthSources, TaskView } from "../../../src/health/status.ts";
import { LINK, sources } from "./health-sources.ts";

const NOW = Date.UTC(2026, 10, 30, 12, 0, 30);
const EARLIER = NOW - 30_000;
const TASK: TaskView = { taskId: "t", executionId: "e", phase: "running", ageSeconds: 1, handle: null };

describe("a worker is described in a line:", () => {
  test.each<[Partial<HealthSources>, string]>([
    [{}, "connected; 0 tasks"],
    [{ tasks: () => [TASK] }, "connected; 1 task"],
    [
      { link: () => ({ ...LINK, state: "waiting", downSince: EARLIER }) },
      "not connected since 2026-11-30T12:00:00Z; 0 tasks",
    ],
    // A claim that was sent just now has not been proven to be read, and that is nobody's trouble.
    [{ outbox: () => ({ size: 1, oldestSince: NOW - 9_999 }) }, "connected; 0 tasks"],
    [
      { outbox: () => ({ size: 2, oldestSince: EARLIER }) },
      "connected; 0 tasks; 2 messages not read since 2026-11-30T12:00:00Z",
    ],
    [{ journalDurable: () => false }, "connected; 0 tasks; tasks remembered in memory only"],
    [{ accepting: () => false, tasks: () => [TASK, TASK] }, "stopping; connected; 2 tasks"],
  ])("%#: %p", (more, text) => {
    expect(describeWorker(sources(more), NOW)).toBe(text);
  });
});
