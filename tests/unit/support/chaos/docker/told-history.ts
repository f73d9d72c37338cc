/** Histories of a campaign against an engine, made by hand: one in which all is well, and what a test changes in it. */
import type { EngineHappening } from "../../../../support/chaos/docker/happening.ts";
import type { DockerHistory, DockerLedgerLine } from "../../../../support/chaos/docker/history.ts";
import type { AgentPlan, DockerTaskPlan } from "../../../../support/chaos/docker/plan.ts";
import type { Event, Happening } from "../../../../support/chaos/history.ts";

const AGENT: AgentPlan = {
  executionId: "e0",
  exit: 5,
  ticks: 1,
  onTerm: "end",
  lines: 0,
  outOfMemory: false,
  writable: false,
  shared: false,
  volume: false,
};

export const PLAIN: DockerTaskPlan = { taskId: "t", executions: [AGENT] };
export const WITH_VOLUME: DockerTaskPlan = { taskId: "t", executions: [{ ...AGENT, volume: true }] };
export const GREEDY: DockerTaskPlan = { taskId: "t", executions: [{ ...AGENT, outOfMemory: true }] };

/** What happens, or what the ledger gets, at the next moment; a number lets so many ms pass. */
export type Entry = Happening | { readonly ledger: Omit<DockerLedgerLine, "at"> } | number;

export const NOTHING_LEFT: DockerHistory["left"] = {
  containers: [],
  volumes: [],
  anonymousVolumes: [],
  agents: [],
  processes: [],
  temporary: [],
  journal: [],
};

/** Moments are 100 ms apart. */
export function historyOf(entries: readonly Entry[], more: Partial<DockerHistory> = {}): DockerHistory {
  const events: Event[] = [];
  const ledger: DockerLedgerLine[] = [];
  let at = 0;
  for (const entry of entries) {
    at += typeof entry === "number" ? entry : 100;
    if (typeof entry === "number") continue;
    if ("ledger" in entry) ledger.push({ ...entry.ledger, at });
    else events.push({ ...entry, at });
  }
  const workers = [{ worker: 1, journal: "disk", wasInMemory: false, complaints: [] }] as const;
  const site = { tasks: [PLAIN], maxConcurrentTasks: 0, liveRestore: false, isPodman: false };
  return { ...site, events, ledger, workers, left: NOTHING_LEFT, ...more };
}

export function wrote(what: DockerLedgerLine["what"], more: Partial<DockerLedgerLine> = {}): Entry {
  return { ledger: { what, taskId: "t", executionId: "e0", container: "c0", status: null, ...more } };
}

/** An agent from its start to its end. */
export const ran = (status: number, more: Partial<DockerLedgerLine> = {}): Entry[] => [
  wrote("start", more),
  wrote("tick", more),
  wrote("end", { status, ...more }),
];

export const engine = (was: Extract<EngineHappening, { kind: "engine" }>["was"]): Entry => ({
  kind: "engine",
  was,
});
export const meddled = (how: Extract<EngineHappening, { kind: "meddled" }>["how"]): Entry => ({
  kind: "meddled",
  taskId: "t",
  container: "c0",
  how,
});
/** And answered. */
export const pruned = (what: "containers" | "volumes", removed: readonly string[] | null): Entry[] => [
  { kind: "pruning", what },
  { kind: "pruned", what, removed },
];
