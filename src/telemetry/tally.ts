/**
 * What is counted, in plain numbers, from the first moment on: the exporters, which are loaded later,
 * read it when they are asked.
 */
import type { ExecutionRef } from "../journal/execution.ts";
import type { FailureReason } from "../protocol/failure-reason.ts";
import { type StepName, TaskFailure } from "../task/backend.ts";
import { type Rejection, type TaskObserver, type TaskTrail, UNOBSERVED_TRAIL } from "../task/observer.ts";
import type { Outcome } from "../task/outcome.ts";

export const TASK_RESULTS = ["succeeded", "failed", "cancelled", "dispatched"] as const;
export type TaskResult = (typeof TASK_RESULTS)[number];

export const FAILURE_PHASES = ["assignment", "backend", "cleanup"] as const;
export type FailurePhase = (typeof FAILURE_PHASES)[number];

export type TimingName = "task" | "claim" | "start" | "pull" | "sidecar";

export interface Timing {
  readonly name: TimingName;
  readonly seconds: number;
  /** Of a whole task. */
  readonly result?: TaskResult;
}

/** Until somebody takes them: more tasks than end before the exporters are there. */
const MOST_WAITING_TIMINGS = 10_000;

export class Tally implements TaskObserver {
  connected = false;
  claimed = 0;
  rejectedAtCapacity = 0;
  readonly completed: Record<TaskResult, number> = { succeeded: 0, failed: 0, cancelled: 0, dispatched: 0 };
  readonly reconnects = { dialFailed: 0, remoteClose: 0 };
  private readonly failed = new Map<string, number>();
  private readonly waiting: Timing[] = [];
  private recorder: ((timing: Timing) => void) | null = null;

  failures(phase: FailurePhase, reason: FailureReason): number {
    return this.failed.get(`${phase} ${reason}`) ?? 0;
  }

  countFailure(phase: FailurePhase, reason: FailureReason): void {
    this.failed.set(`${phase} ${reason}`, this.failures(phase, reason) + 1);
  }

  /** Hands over what was timed so far, and from now on each at once. */
  recordTimings(recorder: (timing: Timing) => void): void {
    this.recorder = recorder;
    for (const timing of this.waiting.splice(0)) recorder(timing);
  }

  time(timing: Timing): void {
    if (this.recorder !== null) this.recorder(timing);
    else if (this.waiting.length < MOST_WAITING_TIMINGS) this.waiting.push(timing);
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
    this.timeSinceAssignment("claim");
  }

  started(): void {
    this.phase = "backend";
  }

  stopRequested(): void {}

  async step<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    if (name === "run" && !this.running) {
      this.running = true;
      this.timeSinceAssignment("start");
    }
    const startedAt = performance.now();
    try {
      return await work();
    } catch (error) {
      if (name === "cleanup") this.tally.countFailure("cleanup", cleanupReasonOf(error));
      throw error;
    } finally {
      const seconds = (performance.now() - startedAt) / 1_000;
      if (name === "pull" || name === "sidecar") this.tally.time({ name, seconds });
    }
  }

  ended(outcome: Outcome, seconds: number): void {
    const result = resultOf(outcome);
    this.tally.completed[result] += 1;
    this.tally.time({ name: "task", seconds, result });
    if (outcome.kind === "failed") this.tally.countFailure(this.phase, outcome.reason);
  }

  private timeSinceAssignment(name: "claim" | "start"): void {
    if (this.assignedAt === null) return;
    this.tally.time({ name, seconds: (performance.now() - this.assignedAt) / 1_000 });
  }
}

export function cleanupReasonOf(error: unknown): FailureReason {
  return error instanceof TaskFailure ? error.reason : "cleanup";
}

export function resultOf(outcome: Outcome): TaskResult {
  switch (outcome.kind) {
    case "completed":
      return "succeeded";
    case "handed-off":
      return "dispatched";
    case "cancelled":
    case "failed":
      return outcome.kind;
    default:
      return outcome satisfies never;
  }
}
