/** Histories of a campaign against a cluster, made by hand: one in which all is well, and what a test changes in it. */
import type { Event, Happening } from "../../../../support/chaos/history.ts";
import type { ApiTrouble, Interference } from "../../../../support/chaos/kubernetes/happening.ts";
import type { ClusterHistory, PodLedgerLine } from "../../../../support/chaos/kubernetes/history.ts";
import type { AgentPlan, ClusterTaskPlan } from "../../../../support/chaos/kubernetes/plan.ts";

const AGENT: AgentPlan = { executionId: "e0", exit: 5, ticks: 1, onTerm: "end", imageMissing: false };

export const PLAIN: ClusterTaskPlan = { taskId: "t", executions: [AGENT] };
export const WITHOUT_IMAGE: ClusterTaskPlan = { taskId: "t", executions: [{ ...AGENT, imageMissing: true }] };

/** What happens, or what the ledger gets, at the next moment. */
export type Entry = Happening | { readonly ledger: Omit<PodLedgerLine, "at"> };

export const NOTHING_LEFT: ClusterHistory["left"] = {
  jobs: [],
  pods: [],
  secrets: [],
  preflights: [],
  processes: [],
  temporary: [],
  journal: [],
};

/** Moments are 100 ms apart. */
export function historyOf(entries: readonly Entry[], more: Partial<ClusterHistory> = {}): ClusterHistory {
  const events: Event[] = [];
  const ledger: PodLedgerLine[] = [];
  for (const [index, entry] of entries.entries()) {
    const at = (index + 1) * 100;
    if ("ledger" in entry) ledger.push({ ...entry.ledger, at });
    else events.push({ ...entry, at });
  }
  const workers = [{ worker: 1, journal: "disk", wasInMemory: false, complaints: [] }] as const;
  return {
    tasks: [PLAIN],
    maxConcurrentTasks: 0,
    deadlineSeconds: null,
    events,
    ledger,
    workers,
    left: NOTHING_LEFT,
    ...more,
  };
}

export function wrote(what: PodLedgerLine["what"], more: Partial<PodLedgerLine> = {}): Entry {
  return { ledger: { what, taskId: "t", executionId: "e0", pod: "p0", status: null, ...more } };
}

/** An agent from its start to its end. */
export const ran = (status: number, more: Partial<PodLedgerLine> = {}): Entry[] => [
  wrote("start", more),
  wrote("tick", more),
  wrote("end", { status, ...more }),
];

export const interfered = (how: Interference): Entry => ({ kind: "interfered", taskId: "t", how });
export const api = (trouble: ApiTrouble): Entry => ({ kind: "api", trouble });
