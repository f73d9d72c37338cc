/** What a campaign with the Command backend is going to do. Plain data, made from a seed. */
import type { Step } from "../plan.ts";

/** How the two commands of one execution behave. */
export interface DispatchPlan {
  /** Null: the control plane sends none. */
  readonly executionId: string | null;
  /** Of the dispatch; no other execution of its task has the same unless it is 0. */
  readonly exit: number;
  readonly dispatchMs: number;
  /** On SIGTERM: ends at once, nothing, its last work and then `exit`, or hands the task over all the same. */
  readonly onTerm: "end" | "ignore" | "late" | "accept";
  /** A process that goes on when the dispatch has ended: one that has closed its output, or one that has not. */
  readonly leaves: "nothing" | "quiet" | "loud";
  readonly stderrBytes: number;
  /** Its standard input. */
  readonly reads: boolean;
  /** The task's environment is larger than a pipe holds. */
  readonly isLarge: boolean;
  readonly cancel: {
    readonly how: "succeeds" | "fails-first" | "hangs";
    readonly ms: number;
  };
}

export interface CommandTaskPlan {
  readonly taskId: string;
  readonly executions: readonly DispatchPlan[];
}

export interface CommandPlan {
  readonly seed: number;
  readonly tasks: readonly CommandTaskPlan[];
  /** In the order of their times. */
  readonly steps: readonly Step[];
  /** How many workers share the id and the state folder. */
  readonly seats: number;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  /** Null: no limit. */
  readonly maxTaskMs: number | null;
  /** How long a worker that is asked to stop lets its tasks end by themselves, and how long it has after that. */
  readonly drainMs: number;
  readonly shutdownMs: number;
  /** What commands say is in the log then. */
  readonly logsAll: boolean;
  /** The state folder is on a small disk of its own, which fills up. */
  readonly smallDisk: boolean;
  /** How the workers are ended that are there when the faults are over. */
  readonly atLast: "SIGKILL" | "SIGTERM";
}

/** What a dispatch may take. */
export const DISPATCH_TIMEOUT_MS = 1_000;
