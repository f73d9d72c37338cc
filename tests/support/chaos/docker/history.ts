/** What happened in a campaign against an engine: the wire, the agents' ledger, and what was left behind. */
import type { Event, WorkerReport } from "../history.ts";
import type { DockerTaskPlan } from "./plan.ts";

export interface DockerLedgerLine {
  /** In ms since 1970, to 10 ms. */
  readonly at: number;
  /** `term`: SIGTERM came. `missing`: a file of a sidecar was not as its image has it. */
  readonly what: "start" | "term" | "tick" | "missing" | "end";
  readonly taskId: string;
  readonly executionId: string;
  /** The beginning of its id. */
  readonly container: string;
  /** Of an `end`, what the agent is about to exit with. */
  readonly status: number | null;
}

/** One in words each, where something is left. */
export interface DockerLeavings {
  readonly containers: readonly string[];
  /** But for those that docs/docker.md has stay. */
  readonly volumes: readonly string[];
  /** Those of them that have no name but a hash. */
  readonly anonymousVolumes: readonly string[];
  /** Of agents. */
  readonly agents: readonly string[];
  /** Of workers. */
  readonly processes: readonly string[];
  readonly temporary: readonly string[];
  /** Executions that have not ended, and frames that are owed. */
  readonly journal: readonly string[];
}

export interface DockerHistory {
  readonly tasks: readonly DockerTaskPlan[];
  readonly maxConcurrentTasks: number;
  /** The engine's containers outlive it. */
  readonly liveRestore: boolean;
  readonly isPodman: boolean;
  /** In the order in which they came to pass. */
  readonly events: readonly Event[];
  /** In the order in which they were written. */
  readonly ledger: readonly DockerLedgerLine[];
  readonly workers: readonly WorkerReport[];
  readonly left: DockerLeavings;
}
