/**
 * Who watches the tasks: metrics, traces, whoever comes next. It is told what happened and changes
 * nothing; without one nothing is counted and nothing is paid.
 */
import type { ExecutionRef } from "../journal/execution.ts";
import type { Assignment } from "../protocol/assignment.ts";
import type { FailureReason } from "../protocol/failure-reason.ts";
import type { StepName, StopReason } from "./backend.ts";
import type { Outcome } from "./outcome.ts";

/** Why an assignment was turned down. */
export type Rejection = "atCapacity" | "stopping" | "alreadyRunning" | "noRoom";

/** None of these may throw. */
export interface TaskObserver {
  /** A new assignment, before it is answered. */
  assigned(assignment: Assignment): TaskTrail;
  /** A task of an earlier worker; it was assigned and claimed there. */
  takenOver(ref: ExecutionRef): TaskTrail;
  /** An assignment of which no more than the task's id could be read; `why` is what its sender is told. */
  unreadable(taskId: string, why: string): void;
  /** A cancellation could not be passed on to where the task runs now. */
  cancelFailed(ref: ExecutionRef, reason: FailureReason, why: string): void;
}

/** What happens to one execution, told in order; the last word is `rejected` or `ended`. */
export interface TaskTrail {
  /** For the task's environment, so that what the agent does is seen as part of the same trace. */
  readonly environment: Readonly<Record<string, string>>;
  rejected(why: Rejection): void;
  claimed(): void;
  /** The backend has it. What fails before is the assignment's fault. */
  started(): void;
  /** Once, with the reason that won. */
  stopRequested(why: StopReason): void;
  /** Does `work`, which rejects and does not throw, and looks on. */
  step<T>(name: StepName, work: () => Promise<T>): Promise<T>;
  /** `report`: the number of the frame that tells the control plane; null for a task handed off. */
  ended(outcome: Outcome, seconds: number, report: number | null): void;
}

export const UNOBSERVED_TRAIL: TaskTrail = {
  environment: {},
  rejected: () => {},
  claimed: () => {},
  started: () => {},
  stopRequested: () => {},
  step: (_name, work) => work(),
  ended: () => {},
};

export const UNOBSERVED: TaskObserver = {
  assigned: () => UNOBSERVED_TRAIL,
  takenOver: () => UNOBSERVED_TRAIL,
  unreadable: () => {},
  cancelFailed: () => {},
};
