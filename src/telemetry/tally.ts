/**
 * What is counted, in plain numbers, from the first moment on: the exporters, which are loaded later,
 * read it when they are asked.
 */
import type { ExecutionRef } from "../journal/execution.ts";
import type { FailureReason } from "../protocol/failure-reason.ts";
import { type StepName, TaskFailure } from "../task/backend.ts";
import { type Rejection, type TaskObserver, type TaskTrail, UNOBSERVED_TRAIL } from "../task/observer.ts";
import type { Outcome } from "../task/outcome.ts";
import { Histogram } from "./histogram.ts";

export const TASK_RESULTS = ["succeeded", "failed", "cancelled", "dispatched"] as const;
export type TaskResult = (typeof TASK_RESULTS)[number];

export const FAILURE_PHASES = ["assignment", "backend", "cleanup"] as const;
export type FailurePhase = (typeof FAILURE_PHASES)[number];

/** Tasks take from seconds to a day. */
const TASK_SECONDS: readonly number[] = [
  ...[1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400],
];
/** Images take from nothing, when they are there, to many minutes. */
const PULL_SECONDS: readonly number[] = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800];
const CLAIM_SECONDS: readonly number[] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

export class Tally implements TaskObserver {
  connected = false;
  claimed = 0;
  rejectedAtCapacity = 0;
  readonly completed: Record<TaskResult, number> = { succeeded: 0, failed: 0, cancelled: 0, dispatched: 0 };
  readonly reconnects = { dialFailed: 0, remoteClose: 0 };
  readonly taskSeconds: Readonly<Record<TaskResult, Histogram>> = {
    succeeded: new Histogram(TASK_SECONDS),
    failed: new Histogram(TASK_SECONDS),
    cancelled: new Histogram(TASK_SECONDS),
    dispatched: new Histogram(TASK_SECONDS),
  };
  readonly claimSeconds = new Histogram(CLAIM_SECONDS);
  readonly startSeconds = new Histogram(PULL_SECONDS);
  readonly pullSeconds = new Histogram(PULL_SECONDS);
  readonly sidecarSeconds = new Histogram(PULL_SECONDS);
  private readonly failed: Readonly<Record<FailurePhase, Map<FailureReason, number>>> = {
    assignment: new Map(),
    backend: new Map(),
    cleanup: new Map(),
  };

  failures(phase: FailurePhase, reason: FailureReason): number {
    return this.failed[phase].get(reason) ?? 0;
  }

  countFailure(phase: FailurePhase, reason: FailureReason): void {
    this.failed[phase].set(reason, this.failures(phase, reason) + 1);
  }

  up(): void {
    this.connected = true;
  }

  down(): void {
    this.connected = false;
  }

  reconnecting(reason: "dial_failed" | "remote_close"): void {
    this.reconnects[reason === "dial_failed" ? "dialFailed" : "remoteClose"] += 1;
  }

  assigned(): TaskTrail {
    return new CountedTrail(this, performance.now());
  }

  takenOver(_ref: ExecutionRef): TaskTrail {
    return new CountedTrail(this, null);
  }

  unreadable(_taskId: string): void {
    this.countFailure("assignment", "unknown");
  }

  cancelFailed(_ref: ExecutionRef, reason: FailureReason): void {
    this.countFailure("backend", reason);
  }
}

class CountedTrail implements TaskTrail {
  readonly environment = UNOBSERVED_TRAIL.environment;
  private readonly tally: Tally;
  /** Null: assigned to an earlier worker. */
  private readonly assignedAt: number | null;
  private phase: FailurePhase = "assignment";
  private running = false;

  constructor(tally: Tally, assignedAt: number | null) {
    this.tally = tally;
    this.assignedAt = assignedAt;
  }

  rejected(why: Rejection): void {
    if (why === "atCapacity") this.tally.rejectedAtCapacity += 1;
  }

  claimed(): void {
    this.tally.claimed += 1;
    this.timeSinceAssignment(this.tally.claimSeconds);
  }

  started(): void {
    this.phase = "backend";
  }

  stopRequested(): void {}

  step<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    if (name === "run" && !this.running) {
      this.running = true;
      this.timeSinceAssignment(this.tally.startSeconds);
    }
    return this.timed(name, work());
  }

  private async timed<T>(name: StepName, done: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await done;
    } catch (error) {
      if (name === "cleanup") this.tally.countFailure("cleanup", cleanupReasonOf(error));
      throw error;
    } finally {
      const seconds = (performance.now() - startedAt) / 1_000;
      if (name === "pull") this.tally.pullSeconds.record(seconds);
      if (name === "sidecar") this.tally.sidecarSeconds.record(seconds);
    }
  }

  ended(outcome: Outcome, seconds: number): void {
    const result = resultOf(outcome);
    this.tally.completed[result] += 1;
    this.tally.taskSeconds[result].record(seconds);
    if (outcome.kind === "failed") this.tally.countFailure(this.phase, outcome.reason);
  }

  private timeSinceAssignment(histogram: Histogram): void {
    if (this.assignedAt !== null) histogram.record((performance.now() - this.assignedAt) / 1_000);
  }
}

export function cleanupReasonOf(error: unknown): FailureReason {
  return error instanceof TaskFailure ? error.reason : "cleanup";
}

function resultOf(outcome: Outcome): TaskResult {
  switch (outcome.kind) {
    case "completed":
      return "succeeded";
    case "handed-off":
    case "left":
      return "dispatched";
    case "cancelled":
    case "failed":
      return outcome.kind;
    default:
      return outcome satisfies never;
  }
}
