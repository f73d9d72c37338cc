/** What happened in a campaign against a cluster: the wire, the agents' ledger, and what was left behind. */
import type { Event, WorkerReport } from "../history.ts";
import type { ClusterTaskPlan } from "./plan.ts";

export interface PodLedgerLine {
  /** In ms since 1970, to 10 ms. */
  readonly at: number;
  /** `term`: SIGTERM came. */
  readonly what: "start" | "term" | "tick" | "end";
  readonly taskId: string;
  readonly executionId: string;
  /** Its name. */
  readonly pod: string;
  /** Of an `end`, what the agent is about to exit with. */
  readonly status: number | null;
}

/** One in words each, where something is left. */
export interface ClusterLeavings {
  /** But for those of which docs/kubernetes.md says that they stay for their time to live. */
  readonly jobs: readonly string[];
  /** That have not ended. */
  readonly pods: readonly string[];
  /** That no Job owns which is there. */
  readonly secrets: readonly string[];
  /** Of preflights. */
  readonly preflights: readonly string[];
  /** Of workers. */
  readonly processes: readonly string[];
  readonly temporary: readonly string[];
  /** Executions that have not ended, and frames that are owed. */
  readonly journal: readonly string[];
}

export interface ClusterHistory {
  readonly tasks: readonly ClusterTaskPlan[];
  readonly maxConcurrentTasks: number;
  /** Of every Job. Null: there is none. */
  readonly deadlineSeconds: number | null;
  /** In the order in which they came to pass. */
  readonly events: readonly Event[];
  /** In the order in which they were written. */
  readonly ledger: readonly PodLedgerLine[];
  readonly workers: readonly WorkerReport[];
  readonly left: ClusterLeavings;
}
