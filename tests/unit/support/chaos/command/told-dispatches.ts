/** Histories of dispatches made by hand: one in which all is well, and what a test changes in it. */
import type { CommandHistory, CommandLedgerLine } from "../../../../support/chaos/command/history.ts";
import type { CommandTaskPlan, DispatchPlan } from "../../../../support/chaos/command/plan.ts";
import type { Event, Happening } from "../../../../support/chaos/history.ts";
import { exited, opened, settled, signalled, started } from "../told-events.ts";
import { NOTHING_LEFT } from "../told-history.ts";

const DISPATCH: DispatchPlan = {
  executionId: "e0",
  exit: 5,
  dispatchMs: 100,
  onTerm: "end",
  leaves: "nothing",
  stderrBytes: 0,
  reads: true,
  isLarge: false,
  cancel: { how: "succeeds", ms: 0 },
};

/** One task with one execution. */
export const PLAIN: CommandTaskPlan = { taskId: "t", executions: [DISPATCH] };
/** The same without an id. */
export const NAMELESS: CommandTaskPlan = { taskId: "t", executions: [{ ...DISPATCH, executionId: null }] };

/** What happens, or what the ledger gets, at the next moment; moments are 100 ms apart. */
export type Entry = Happening | { readonly ledger: Omit<CommandLedgerLine, "at"> };

export function historyOf(entries: readonly Entry[], more: Partial<CommandHistory> = {}): CommandHistory {
  const events: Event[] = [];
  const ledger: CommandLedgerLine[] = [];
  for (const [moment, entry] of entries.entries()) {
    const at = moment * 100;
    if ("ledger" in entry) ledger.push({ ...entry.ledger, at });
    else events.push({ ...entry, at });
  }
  const numbers = new Set(events.flatMap((event) => (event.kind === "started" ? [event.worker] : [])));
  return {
    tasks: [PLAIN],
    maxConcurrentTasks: 0,
    maxTaskMs: null,
    ...{ events, ledger, wrongPayloads: [], leaks: [], left: NOTHING_LEFT },
    workers: [...numbers].map((worker) => ({ worker, journal: "disk", wasInMemory: false, complaints: [] })),
    ...more,
  };
}

export function wrote(what: CommandLedgerLine["what"], more: Partial<CommandLedgerLine> = {}): Entry {
  return { ledger: { what, taskId: "t", executionId: "e0", pid: 100, status: null, ...more } };
}

/** A dispatch from its start to its end. */
export const dispatched = (status: number, more: Partial<CommandLedgerLine> = {}): Entry[] => [
  wrote("begin", more),
  wrote("end", { status, ...more }),
];

/** The same of a `cancel_command`. */
export const toldEngine = (status: number, more: Partial<CommandLedgerLine> = {}): Entry[] => [
  wrote("cancel-begin", { pid: 300, ...more }),
  wrote("cancel-end", { pid: 300, status, ...more }),
];

/** A worker that is given tasks, and is stopped. */
export const begin: readonly Happening[] = [started(), opened()];
export const stop: readonly Happening[] = [settled, signalled("SIGTERM"), exited()];
