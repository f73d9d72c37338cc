/** One trace for each task: a span for the whole, events on its way, a span below it for each step. */
import {
  type Attributes,
  context as otelContext,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { ExecutionRef } from "../journal/execution.ts";
import { createRedactor, type Redact } from "../logging/redact.ts";
import { wordsOf } from "../logging/words-of.ts";
import type { Assignment } from "../protocol/assignment.ts";
import type { FailureReason } from "../protocol/failure-reason.ts";
import type { StepName, StopReason } from "../task/backend.ts";
import type { Rejection, TaskObserver, TaskTrail } from "../task/observer.ts";
import type { Outcome } from "../task/outcome.ts";
import { cleanupReasonOf, type FailurePhase } from "./tally.ts";

const TASK_SPAN = "oz_worker.task";
/** Reports that wait for their proof; those of a long outage are not worth more memory. */
const MOST_OPEN_REPORTS = 1_000;

export interface TaskSpansOptions {
  readonly tracer: Tracer;
  readonly backend: string;
  readonly redact: Redact;
}

export class TaskSpans implements TaskObserver {
  private readonly options: TaskSpansOptions;
  /** Oldest first, by the number of the frame in the journal. */
  private readonly reports = new Map<number, Span>();
  /** Of tasks that run, or have ended while something that they left is still being removed. */
  private readonly open = new Set<SpanTrail>();

  constructor(options: TaskSpansOptions) {
    this.options = options;
  }

  assigned({ taskId, dockerImage, task, envVars }: Assignment): TaskTrail {
    // Its own values are known to nobody else before it runs.
    const redactOwn = createRedactor(Object.values(envVars));
    const title = redactOwn(this.options.redact(task.title));
    const span = this.startTask({ "task.id": taskId, "task.title": title });
    span.addEvent("task.assigned");
    return this.trailOf(span, dockerImage);
  }

  takenOver({ taskId }: ExecutionRef): TaskTrail {
    const span = this.startTask({ "task.id": taskId, "task.taken_over": true });
    return this.trailOf(span, null);
  }

  unreadable(taskId: string, why: string): void {
    const span = this.startTask({ "task.id": taskId });
    const message = this.options.redact(why);
    span.addEvent("task.failed", {
      "failure.phase": "assignment",
      "failure.reason": "unknown",
      "error.message": message,
    });
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    span.end();
  }

  /** The task's own span ended when it was handed off. */
  cancelFailed({ taskId }: ExecutionRef, reason: FailureReason, why: string): void {
    const span = this.startTask({ "task.id": taskId });
    const message = this.options.redact(why);
    span.addEvent("cancel.failed", { "failure.reason": reason, "error.message": message });
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    span.end();
  }

  /** Everything up to `seq` is proven to have been read. */
  delivered(seq: number): void {
    for (const [of, span] of this.reports) {
      if (of > seq) break;
      span.setStatus({ code: SpanStatusCode.OK });
      span.end();
      this.reports.delete(of);
    }
  }

  /** The worker stops: what was not proven by now, and what goes on without it, is told as it is. */
  close(): void {
    for (const span of this.reports.values()) span.end();
    this.reports.clear();
    for (const trail of this.open) trail.close();
  }

  /** `image` null: an earlier worker's task, of which no more is known. */
  private trailOf(span: Span, image: string | null): SpanTrail {
    const { options, open } = this;
    const trail = new SpanTrail(span, {
      ...options,
      image,
      open,
      report: (seq) => this.startReport(span, seq),
    });
    open.add(trail);
    return trail;
  }

  private startTask(attributes: Attributes): Span {
    return this.options.tracer.startSpan(TASK_SPAN, { kind: SpanKind.CONSUMER, attributes, root: true });
  }

  private startReport(parent: Span, seq: number): void {
    if (this.reports.size >= MOST_OPEN_REPORTS) return;
    this.reports.set(seq, startBelow(this.options.tracer, parent, "oz_worker.report"));
  }
}

interface SpanTrailOptions extends TaskSpansOptions {
  readonly image: string | null;
  readonly report: (seq: number) => void;
  /** Those that are to be closed when the worker stops. */
  readonly open: Set<SpanTrail>;
}

class SpanTrail implements TaskTrail {
  readonly environment: Readonly<Record<string, string>>;
  private readonly span: Span;
  private readonly options: SpanTrailOptions;
  private phase: FailurePhase = "assignment";
  private readonly steps = new Set<Span>();
  /** When the task did, whose span is still open: what it left may be removed after that, and belongs to it. */
  private endedAt: Date | null = null;

  constructor(span: Span, options: SpanTrailOptions) {
    this.span = span;
    this.options = options;
    const { traceId, spanId, traceFlags } = span.spanContext();
    const flags = (traceFlags & TraceFlags.SAMPLED) === 0 ? "00" : "01";
    this.environment = { TRACEPARENT: `00-${traceId}-${spanId}-${flags}` };
  }

  rejected(why: Rejection): void {
    this.span.addEvent("task.rejected", { reason: why === "atCapacity" ? "at_capacity" : why });
    this.span.setStatus({ code: SpanStatusCode.OK });
    this.close();
  }

  claimed(): void {
    this.span.addEvent("task.claimed");
  }

  started(): void {
    this.phase = "backend";
    this.span.addEvent("task.started");
    const { backend, image } = this.options;
    this.span.addEvent("backend.started", { backend, ...(image ? { "docker.image": image } : {}) });
  }

  stopRequested(why: StopReason): void {
    this.span.addEvent("task.cancellation_requested", { source: why === "cancelled" ? "user" : why });
  }

  step<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    return this.told(name, startBelow(this.options.tracer, this.span, `oz_worker.${name}`), work());
  }

  private async told<T>(name: StepName, span: Span, done: Promise<T>): Promise<T> {
    this.steps.add(span);
    try {
      const value = await done;
      span.setStatus({ code: SpanStatusCode.OK });
      return value;
    } catch (error) {
      const message = this.options.redact(wordsOf(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      if (name === "cleanup") {
        const reason = cleanupReasonOf(error);
        this.span.addEvent("cleanup.failed", { "failure.reason": reason, "error.message": message });
      }
      throw error;
    } finally {
      if (this.steps.delete(span)) span.end();
      if (this.endedAt !== null && this.steps.size === 0) this.close();
    }
  }

  ended(outcome: Outcome, _seconds: number, report: number | null): void {
    this.tellEnd(outcome);
    this.endedAt = new Date();
    if (this.steps.size === 0) this.close();
    if (report !== null) this.options.report(report);
  }

  /** Whatever is still under way: of a task that goes on, the next worker tells in a trace of its own. */
  close(): void {
    if (!this.options.open.delete(this)) return;
    for (const step of this.steps) step.end();
    this.steps.clear();
    this.span.end(this.endedAt ?? undefined);
  }

  private tellEnd(outcome: Outcome): void {
    switch (outcome.kind) {
      case "failed":
        this.span.addEvent("task.failed", {
          "failure.phase": this.phase,
          "failure.reason": outcome.reason,
          "error.message": outcome.message,
        });
        this.span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.message });
        return;
      case "completed":
        this.span.addEvent("task.completed");
        break;
      case "handed-off":
      case "left":
        this.span.addEvent("task.dispatched");
        break;
      case "cancelled":
        this.span.addEvent("task.cancelled");
        break;
      default:
        outcome satisfies never;
    }
    this.span.setStatus({ code: SpanStatusCode.OK });
  }
}

function startBelow(tracer: Tracer, parent: Span, name: string): Span {
  return tracer.startSpan(name, {}, trace.setSpan(otelContext.active(), parent));
}
