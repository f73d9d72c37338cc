/** What a campaign against a cluster is going to do. Plain data, made from a seed. */
import type { LinkAction, Timed, WorkerAction } from "../plan.ts";
import type { ApiTrouble, ClusterProgram, Interference, Stall } from "./happening.ts";

export interface AgentPlan {
  readonly executionId: string;
  readonly exit: number;
  /** A quarter of a second each: it writes one down after another. */
  readonly ticks: number;
  /** What the agent does on SIGTERM: ends at once, nothing, or its last work and then `exit`. */
  readonly onTerm: "end" | "ignore" | "late";
  /** Its image is nowhere. */
  readonly imageMissing: boolean;
}

export interface ClusterTaskPlan {
  readonly taskId: string;
  readonly executions: readonly [AgentPlan];
}

/** `task`: by its number; what is not there at the moment has nothing done to it. */
export type ClusterAction =
  | LinkAction
  | WorkerAction
  /** To the worker that spoke last of it. */
  | { readonly do: "offer-again"; readonly task: number }
  /** To one that did not, as if the other had been taken for lost. */
  | { readonly do: "offer-other"; readonly task: number; readonly any: number }
  | { readonly do: "api"; readonly trouble: ApiTrouble }
  | { readonly do: "stall"; readonly program: ClusterProgram; readonly how: Stall }
  | { readonly do: "interfere"; readonly task: number; readonly how: Interference };

export interface ClusterPlan {
  readonly seed: number;
  readonly tasks: readonly ClusterTaskPlan[];
  /** In the order of their times. */
  readonly steps: readonly Timed<ClusterAction>[];
  /** How many workers share the id, the namespace and the state folder. */
  readonly seats: number;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  /** Of every Job. Null: it has all the time it wants. */
  readonly deadlineSeconds: number | null;
  /** How the workers are ended that are there when the faults are over. */
  readonly atLast: "SIGKILL" | "SIGTERM";
}

/** For whoever has to understand one that failed. */
export function describePlan({ seed, tasks, steps, ...rest }: ClusterPlan): string {
  return [
    `seed ${seed}: ${JSON.stringify(rest)}`,
    ...tasks.map(({ taskId, executions: [agent] }) => `${taskId} ${JSON.stringify(agent)}`),
    ...steps.map(({ atMs, action }) => `${String(atMs).padStart(6)} ms ${JSON.stringify(action)}`),
  ].join("\n");
}
