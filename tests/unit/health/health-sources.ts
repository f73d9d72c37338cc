/** A worker that is well, and what of it is otherwise. */
import type { HealthSources, LinkView } from "../../../src/health/status.ts";

export const LINK: LinkView = {
  state: "connected",
  since: 0,
  downSince: null,
  lastPongAt: null,
  reconnects: 2,
};

export function sources(more: Partial<HealthSources> = {}): HealthSources {
  return {
    version: "1.2.3",
    workerId: "w",
    backend: "docker",
    maxConcurrentTasks: 4,
    eventLoopDelayMs: () => 12.4,
    beatsLateBy: () => 0,
    accepting: () => true,
    link: () => LINK,
    outbox: () => ({ size: 0, oldestSince: null }),
    journalDurable: () => true,
    tasks: () => [],
    ...more,
  };
}
