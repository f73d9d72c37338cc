/** Histories made by hand: one in which all is well, and what a test changes in it. */
import type { Event, Happening, History, LedgerLine, Said } from "../../../support/chaos/history.ts";
import type { ExecutionPlan, TaskPlan } from "../../../support/chaos/plan.ts";

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

interface Where {
  readonly worker?: number;
  readonly connection?: number;
}

const whose = ({ worker = 1, connection = worker }: Where) => ({ worker, connection });

export const started = (worker = 1): Entry => ({ kind: "started", worker });
export const opened = (where: Where = {}): Entry => ({ kind: "opened", ...whose(where) });
export const pinged = (where: Where = {}): Entry => ({ kind: "pinged", ...whose(where) });
export const exited = (worker = 1, status = 0): Entry => ({ kind: "exited", worker, status });
export const signalled = (signal: "SIGKILL" | "SIGTERM", worker = 1): Entry => ({
  kind: "signalled",
  worker,
  signal,
});
export const shimKilled = (worker = 1): Entry => ({ kind: "shim-killed", worker });
export const settled: Entry = { kind: "settled" };

export function assigned({
  executionId = "e0",
  ...where
}: Where & { executionId?: string | null } = {}): Entry {
  return { kind: "assigned", ...whose(where), taskId: "t", executionId };
}

export const cancelled = (where: Where = {}): Entry => ({ kind: "cancelled", ...whose(where), taskId: "t" });

/** And answered. */
export function fence(where: Where = {}): Entry[] {
  const taskId = `fence-${JSON.stringify(where)}`;
  const answer = { ...said("task_failed", { ...where, words: taskId, reason: "unknown" }), taskId };
  return [{ kind: "fenced", ...whose(where), taskId }, answer];
}

function said(type: string, { worker, connection, ...rest }: Where & Partial<Said>): Said {
  const where = whose({
    ...(worker === undefined ? {} : { worker }),
    ...(connection === undefined ? {} : { connection }),
  });
  const what = { type, reason: null, exitCode: null, cancelled: false, ...rest };
  return { kind: "said", taskId: "t", words: JSON.stringify(what), ...where, ...what };
}

export const claimed = (where: Where = {}): Entry => said("task_claimed", where);
export const rejected = (reason: string, where: Where = {}): Entry =>
  said("task_rejected", { reason, ...where });
export const completed = (where: Where = {}): Entry => said("task_completed", where);
export const toldCancelled = (where: Where = {}): Entry =>
  said("task_completed", { cancelled: true, ...where });
export const failed = (
  reason: string,
  exitCode: number | null = null,
  more: Where & Partial<Pick<Said, "words">> = {},
): Entry => said("task_failed", { reason, exitCode, ...more });
/** The words that go with `unknown`. */
export const neverBegun = (where: Where = {}): Entry =>
  said("task_failed", { reason: "unknown", words: "it is safe to retry", ...where });

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
