/** A worker to be measured, at rest. */
import type { WorkerFigures } from "../../../src/telemetry/worker-figures.ts";

export function sampleFigures(more: Partial<WorkerFigures> = {}): WorkerFigures {
  return {
    version: "1.2.3",
    backend: "direct",
    workerId: "w",
    maxConcurrentTasks: 4,
    activeTasks: () => 0,
    outboxSize: () => 0,
    oldestUnreportedSeconds: () => 0,
    journalBytes: () => 0,
    journalDurable: () => true,
    engineCalls: () => null,
    eventLoopDelaySeconds: () => 0,
    ...more,
  };
}
