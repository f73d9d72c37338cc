/** What happened in a campaign, as three witnesses tell it: the wire, the agents' ledger, and what was left behind. */
import type { EngineHappening } from "./docker/happening.ts";
import type { ClusterHappening } from "./kubernetes/happening.ts";
import type { TaskPlan } from "./plan.ts";

/** Of one process of the worker, from 1; a restart is another one. */
export type WorkerNumber = number;

export interface OnLink {
  readonly connection: number;
  readonly worker: WorkerNumber;
}

export interface Assigned extends OnLink {
  readonly kind: "assigned";
  readonly taskId: string;
  readonly executionId: string | null;
}

export interface CancellationSent extends OnLink {
  readonly kind: "cancelled";
  readonly taskId: string;
}

/** Something that cannot be read, after which the worker says so: all that was sent before it on its link was read. */
export interface Fenced extends OnLink {
  readonly kind: "fenced";
  readonly taskId: string;
}

export type SaidType = "task_claimed" | "task_completed" | "task_failed" | "task_rejected";

/** A frame that the control plane read. */
export interface Said extends OnLink {
  readonly kind: "said";
  readonly type: string;
  readonly taskId: string;
  /** To the letter. */
  readonly words: string;
  readonly reason: string | null;
  readonly exitCode: number | null;
  readonly cancelled: boolean;
}

export type Happening =
  | Assigned
  | CancellationSent
  | Fenced
  | Said
  | (OnLink & { readonly kind: "opened" | "closed" | "pinged" })
  | { readonly kind: "refused"; readonly worker: WorkerNumber; readonly status: number }
  | { readonly kind: "started"; readonly worker: WorkerNumber }
  | {
      readonly kind: "signalled";
      readonly worker: WorkerNumber;
      readonly signal: "SIGKILL" | "SIGTERM" | "SIGQUIT" | "SIGSTOP" | "SIGCONT";
    }
  | { readonly kind: "shim-killed" | "shim-stopped"; readonly worker: WorkerNumber }
  | EngineHappening
  | ClusterHappening
  /** 128 + n after signal n. */
  | { readonly kind: "exited"; readonly worker: WorkerNumber; readonly status: number }
  /** The faults are over. */
  | { readonly kind: "healed" }
  /** The last worker said that it has no task and owes nothing; all that follows is its stop. */
  | { readonly kind: "settled" };

/** Of a whole life, by its log. */
export interface WorkerReport {
  readonly worker: WorkerNumber;
  /** `memory`: its journal was not on disk when it ended; `never`: it could not be when it started. */
  readonly journal: "disk" | "memory" | "never";
  /** Its journal was in memory for a while. */
  readonly wasInMemory: boolean;
  /** Lines of its log that no fault of a campaign explains. */
  readonly complaints: readonly string[];
}

/** In ms since 1970. */
export type Event = Happening & { readonly at: number };

export interface LedgerLine {
  readonly at: number;
  /** `term`: SIGTERM came. `robbed`: the workspace was not there any more. */
  readonly what: "start" | "term" | "robbed" | "end" | "setup" | "teardown";
  readonly taskId: string;
  /** Null: the assignment had none, or nobody could know it. */
  readonly executionId: string | null;
  readonly pid: number;
  /** Of an `end`, what the agent is about to exit with. */
  readonly status: number | null;
}

/** One in words each, where something is left. */
export interface Leavings {
  readonly processes: readonly string[];
  readonly workspaces: readonly string[];
  readonly temporary: readonly string[];
  /** In the state folder: of claims and workspaces on their way out. */
  readonly state: readonly string[];
  /** Exit statuses, with the time at which each process ended. */
  readonly exits: readonly { readonly name: string; readonly at: number }[];
  /** Executions that have not ended, and frames that are owed. */
  readonly journal: readonly string[];
}

export interface History {
  readonly tasks: readonly TaskPlan[];
  readonly maxConcurrentTasks: number;
  readonly hooks: boolean;
  /** Null: no limit. */
  readonly maxTaskMs: number | null;
  /** In the order in which they came to pass. */
  readonly events: readonly Event[];
  /** In the order in which they were written. */
  readonly ledger: readonly LedgerLine[];
  readonly workers: readonly WorkerReport[];
  readonly left: Leavings;
}
