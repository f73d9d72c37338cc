/** Histories made by hand: one in which all is well, and what a test changes in it. */
import type { Event, Happening, History, LedgerLine } from "../../../support/chaos/history.ts";
import type { ExecutionPlan, TaskPlan } from "../../../support/chaos/plan.ts";
import { exited, opened, settled, signalled, started } from "./told-events.ts";

export const EXECUTION: ExecutionPlan = {
  executionId: "e0",
  exit: 5,
  agentMs: 100,
  onTerm: "end",
  children: false,
  setup: { ms: 0, exit: 0 },
};

/** One task with one execution. */
export const PLAIN: TaskPlan = { taskId: "t", executions: [EXECUTION] };
/** One task with two. */
export const DOUBLE: TaskPlan = {
  taskId: "t",
  executions: [EXECUTION, { ...EXECUTION, executionId: "e1", exit: 6 }],
};

/** What happens, or what the ledger gets, at the next moment; moments are 100 ms apart. */
export type Entry = Happening | { readonly ledger: Omit<LedgerLine, "at"> };

export const NOTHING_LEFT: History["left"] = {
  processes: [],
  workspaces: [],
  temporary: [],
  state: [],
  exits: [],
  journal: [],
};

export function historyOf(entries: readonly Entry[], more: Partial<History> = {}): History {
  const events: Event[] = [];
  const ledger: LedgerLine[] = [];
  for (const [moment, entry] of entries.entries()) {
    const at = moment * 100;
    if ("ledger" in entry) ledger.push({ ...entry.ledger, at });
    else events.push({ ...entry, at });
  }
  return {
    tasks: [PLAIN],
    maxConcurrentTasks: 0,
    hooks: false,
    maxTaskMs: null,
    events,
    ledger,
    workers: [{ worker: 1, journal: "disk", wasInMemory: false, complaints: [] }],
    left: NOTHING_LEFT,
    ...more,
  };
}

export function wrote(what: LedgerLine["what"], more: Partial<LedgerLine> = {}): Entry {
  return { ledger: { what, taskId: "t", executionId: "e0", pid: 100, status: null, ...more } };
}

/** An agent from its start to its end. */
export const ran = (status: number, more: Partial<LedgerLine> = {}): Entry[] => [
  wrote("start", more),
  wrote("end", { status, ...more }),
];

/** A worker that does one task, and is stopped. */
export const begin: readonly Entry[] = [started(), opened()];
export const stop: readonly Entry[] = [settled, signalled("SIGTERM"), exited()];
