/** What a campaign against an engine is going to do. Plain data, made from a seed. */
import type { LinkAction, Timed, WorkerAction } from "../plan.ts";
import type { EngineTrouble, Meddling, Prunable } from "./happening.ts";

export interface AgentPlan {
  readonly executionId: string;
  readonly exit: number;
  /** A quarter of a second each: it writes one down after another. */
  readonly ticks: number;
  /** What the agent does on SIGTERM: ends at once, nothing, or its last work and then `exit`. */
  readonly onTerm: "end" | "ignore" | "late";
  /** Of output. */
  readonly lines: number;
  /** Takes more memory than it may, at its end. */
  readonly outOfMemory: boolean;
  /** Has a sidecar of its own, which it writes to. */
  readonly writable: boolean;
  /** Shares one more sidecar. */
  readonly shared: boolean;
  /** Its image has an anonymous volume. */
  readonly volume: boolean;
}

export interface DockerTaskPlan {
  readonly taskId: string;
  readonly executions: readonly [AgentPlan];
}

export const IMAGES = ["test/task:1", "test/with-volume:1", "test/agent:1", "test/writable:1"] as const;

/** `task`: by its number; what is not there at the moment has nothing done to it. */
export type DockerAction =
  | LinkAction
  | WorkerAction
  /** To the worker that spoke last of it, for no other may be given it. */
  | { readonly do: "offer-again"; readonly task: number }
  /** That worker's process. */
  | { readonly do: "signal-holder"; readonly task: number; readonly signal: "SIGKILL" | "SIGTERM" }
  | { readonly do: "trouble"; readonly what: EngineTrouble }
  | { readonly do: "meddle"; readonly task: number; readonly how: Meddling }
  /** With one of those that run then, or are paused. */
  | { readonly do: "meddle-any"; readonly any: number; readonly how: Meddling }
  | { readonly do: "prune"; readonly what: Prunable }
  | { readonly do: "remove-image"; readonly image: (typeof IMAGES)[number] };

/** What an agent writes down, or the control plane reads of its task. */
export type Moment = "claimed" | "start" | "term" | "end";

/** When this comes to pass for the first time, the actions follow, each so long after it. */
export interface Ambush {
  readonly task: number;
  readonly moment: Moment;
  readonly follows: readonly Timed<DockerAction>[];
}

export interface DockerPlan {
  readonly seed: number;
  readonly tasks: readonly DockerTaskPlan[];
  /** In the order of their times. */
  readonly steps: readonly Timed<DockerAction>[];
  readonly ambushes: readonly Ambush[];
  /** How many workers share the id and the state folder. */
  readonly seats: number;
  /** The engine's containers outlive it. */
  readonly liveRestore: boolean;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  readonly graceMs: number;
  /** How long a worker that is asked to stop lets its tasks end by themselves. */
  readonly drainMs: number;
  readonly pull: "always" | "if-not-present";
  /** How the workers are ended that are there when the faults are over. */
  readonly atLast: "SIGKILL" | "SIGTERM";
}

/** For whoever has to understand one that failed. */
export function describePlan({ seed, tasks, steps, ambushes, ...rest }: DockerPlan): string {
  return [
    `seed ${seed}: ${JSON.stringify(rest)}`,
    ...tasks.map(({ taskId, executions: [agent] }) => `${taskId} ${JSON.stringify(agent)}`),
    ...steps.map(({ atMs, action }) => `${String(atMs).padStart(6)} ms ${JSON.stringify(action)}`),
    ...ambushes.map((ambush) => JSON.stringify(ambush)),
  ].join("\n");
}
