/** What a campaign is going to do: tasks, how their agents behave, and what happens when. Plain data, made from a seed. */

export interface ExecutionPlan {
  /** Null: the control plane sends none. */
  readonly executionId: string | null;
  /** Of the agent; no other execution of its task has the same unless it is 0. 137: it kills itself. */
  readonly exit: number;
  readonly agentMs: number;
  /** What the agent does on SIGTERM: ends at once, nothing, or its last work and then `exit`. */
  readonly onTerm: "end" | "ignore" | "late";
  /** Leaves processes in its group, in sessions of their own, and without its environment. */
  readonly children: boolean;
  /** Of the setup command, where the workers have one. */
  readonly setup: { readonly ms: number; readonly exit: number };
}

export interface TaskPlan {
  readonly taskId: string;
  readonly executions: readonly ExecutionPlan[];
}

export type Cut = "reset" | "close";
export type Direction = "to-server" | "to-client" | "both";
export type Moment = "frame" | "ping";

/** Of the control plane and the links to it. `any`: a number by which one of those that are open then is chosen. */
export type LinkAction =
  | { readonly do: "offer"; readonly task: number; readonly execution: number; readonly any: number }
  | { readonly do: "cancel"; readonly taskId: string; readonly any: number }
  | { readonly do: "cut"; readonly how: Cut; readonly any: number }
  /** Every link that is open then, until it is cut. */
  | { readonly do: "freeze"; readonly direction: Direction }
  | { readonly do: "cut-frozen" }
  | { readonly do: "thaw" }
  /** The next link that brings this is cut at once: what it brought was read, and no pong comes back. */
  | { readonly do: "cut-at"; readonly moment: Moment }
  /** Null: welcome again. */
  | { readonly do: "refuse"; readonly status: number | null }
  | { readonly do: "down" }
  | { readonly do: "up" }
  | { readonly do: "delay"; readonly ms: number };

/** Of the workers' own processes. `seat`: of a worker, which may be empty. */
export type WorkerAction =
  /** The next worker that says this is killed at once. */
  | { readonly do: "kill-at"; readonly saying: "task_claimed" | "task_completed" | "task_failed" }
  | { readonly do: "start"; readonly seat: number }
  | {
      readonly do: "signal";
      readonly seat: number;
      readonly signal: "SIGKILL" | "SIGTERM" | "SIGQUIT" | "SIGSTOP" | "SIGCONT";
    };

export type Action =
  | LinkAction
  | WorkerAction
  | { readonly do: "signal-shim"; readonly seat: number; readonly signal: "SIGKILL" | "SIGSTOP" }
  | { readonly do: "fill-disk" }
  | { readonly do: "free-disk" };

export interface Timed<A> {
  /** From the campaign's begin. */
  readonly atMs: number;
  readonly action: A;
}

export type Step = Timed<Action>;

export interface Plan {
  readonly seed: number;
  readonly tasks: readonly TaskPlan[];
  /** In the order of their times. */
  readonly steps: readonly Step[];
  /** How many workers share the id and the state folder. */
  readonly seats: number;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  /** Setup and teardown commands. */
  readonly hooks: boolean;
  /** Null: no limit. */
  readonly maxTaskMs: number | null;
  /** How long a worker that is asked to stop lets its tasks end by themselves. */
  readonly drainMs: number;
  /** All tasks work in one folder. */
  readonly shareFolder: boolean;
  /** The state folder is on a small disk of its own, which fills up. */
  readonly smallDisk: boolean;
  /** How the workers are ended that are there when the faults are over. */
  readonly atLast: "SIGKILL" | "SIGTERM";
}

type Describable = Pick<Plan, "seed" | "steps"> & {
  readonly tasks: readonly { readonly taskId: string; readonly executions: readonly object[] }[];
};

/** For whoever has to understand one that failed. */
export function describePlan(plan: Describable): string {
  const { seed, tasks, steps, ...rest } = plan;
  return [
    `seed ${seed}: ${JSON.stringify(rest)}`,
    ...tasks.flatMap(({ taskId, executions }) =>
      executions.map((each) => `${taskId} ${JSON.stringify(each)}`),
    ),
    ...steps.map(({ atMs, action }) => `${String(atMs).padStart(6)} ms ${JSON.stringify(action)}`),
  ].join("\n");
}
