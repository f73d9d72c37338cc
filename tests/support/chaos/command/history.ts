/** What happened in a campaign with the Command backend: the wire, the commands' ledger, and what was left behind. */
import type { Event, Leavings, WorkerReport } from "../history.ts";
import type { CommandTaskPlan } from "./plan.ts";

export const LINE_KINDS = ["begin", "term", "end", "cancel-begin", "cancel-end"] as const;

export interface CommandLedgerLine {
  readonly at: number;
  /** `term`: SIGTERM came to the dispatch. */
  readonly what: (typeof LINE_KINDS)[number];
  readonly taskId: string;
  /** Null: the assignment had none. */
  readonly executionId: string | null;
  readonly pid: number;
  /** Of an end, what the command is about to exit with. */
  readonly status: number | null;
}

/** What a dispatch has read of its standard input was not what it had to be. */
export interface WrongPayload {
  readonly taskId: string;
  readonly executionId: string | null;
  readonly pid: number;
  readonly what: string;
}

export interface CommandHistory {
  readonly tasks: readonly CommandTaskPlan[];
  readonly maxConcurrentTasks: number;
  /** Null: no limit. */
  readonly maxTaskMs: number | null;
  /** In the order in which they came to pass. */
  readonly events: readonly Event[];
  /** In the order in which they were written. */
  readonly ledger: readonly CommandLedgerLine[];
  readonly wrongPayloads: readonly WrongPayload[];
  readonly workers: readonly WorkerReport[];
  /** Lines of the log with a secret in them. */
  readonly leaks: readonly string[];
  readonly left: Leavings;
}

/** In every secret of a campaign, and in nothing else. */
export const SECRET_WORD = "sesame";
