/**
 * Which tasks run here: takes assignments or turns them down, stops tasks, and sees that each claimed
 * one ends in exactly one report. Knows nothing of the link; it owes frames, somebody delivers them.
 */
import { LONGEST_TIMER_MS } from "../config/duration.ts";
import type { Execution, ExecutionRef, StoredFrame } from "../journal/execution.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../logging/logger.ts";
import type { Assignment } from "../protocol/assignment.ts";
import { encodeOutbound, type Outbound } from "../protocol/outbound.ts";
import {
  type Adoption,
  type Backend,
  type Completion,
  type Orphan,
  type RunContext,
  TaskStopped,
} from "./backend.ts";
import { HandedOff } from "./handed-off.ts";
import { type Outcome, reportFor } from "./outcome.ts";
import type { TaskSpec } from "./prepare.ts";
import { runToOutcome } from "./run.ts";

export interface SchedulerOptions {
  readonly workerId: string;
  readonly backend: Backend;
  readonly journal: Journal;
  readonly log: Logger;
  readonly prepare: (assignment: Assignment) => TaskSpec;
  /** A frame that is already in the journal; it is delivered however long that takes. */
  readonly deliver: (frame: StoredFrame) => void;
  /** True when the same words are on their way already. */
  readonly isOnItsWay: (frame: string) => boolean;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  /** Null: no limit. */
  readonly maxTaskDurationMs: number | null;
}

interface RunningTask {
  readonly ref: ExecutionRef;
  readonly stop: AbortController;
  /** Settles when its report is in the journal. Never rejects. */
  readonly ended: Promise<void>;
}

type Work = (context: RunContext) => Promise<Completion>;

export class Scheduler {
  private readonly options: SchedulerOptions;
  /** By task id: an execution of a task excludes every other of the same task. */
  private readonly running = new Map<string, RunningTask>();
  /** Executions of an earlier daemon that wait for another of their task to end. */
  private readonly turns = new Set<Promise<void>>();
  private readonly hurry = new AbortController();
  private readonly handedOff: HandedOff;
  private stopping = false;

  constructor(options: SchedulerOptions) {
    this.options = options;
    this.handedOff = new HandedOff({ ...options, hurry: this.hurry.signal });
  }

  get activeTasks(): number {
    return this.running.size;
  }

  offer(assignment: Assignment): void {
    const { taskId, executionId } = assignment;
    if (this.answerKnown({ taskId, executionId })) return;
    const obstacle = this.obstacleTo(taskId);
    if (obstacle !== null) {
      this.reject(taskId, obstacle);
      return;
    }
    this.claim({ taskId, executionId });
    this.start({ taskId, executionId }, (context) =>
      this.options.backend.run(this.options.prepare(assignment), context),
    );
  }

  /** What arrived for `taskId` cannot be run; its sender is told which field is at fault. */
  refuse(taskId: string, problem: string): void {
    if (this.running.has(taskId)) {
      this.options.log.warn("unreadable assignment for a running task ignored", { taskId, problem });
      return;
    }
    const message = `Failed to execute task: cannot read the assignment: ${problem}`;
    this.owe({ type: "task_failed", taskId, message, reason: "unknown" });
  }

  cancel(taskId: string): void {
    const task = this.running.get(taskId);
    if (task === undefined) {
      this.handedOff.cancel(taskId);
      return;
    }
    this.options.log.info("task cancellation requested", { taskId });
    task.stop.abort(new TaskStopped("cancelled"));
  }

  /** Picks up what an earlier daemon claimed and did not end. */
  recover(executions: readonly Execution[]): void {
    for (const execution of executions) this.takeOver(execution);
  }

  /** Takes up a task of a dead worker that no journal here knows. */
  readonly adopt = (orphan: Orphan): Adoption => {
    const { taskId, executionId, handle, claimedAt } = orphan;
    if (this.running.has(taskId)) return "running";
    const known = executionId === "" ? null : this.options.journal.find(orphan);
    // One that was left to another worker is an orphan again when that one is dead too.
    if (known?.ended === true && known.terminal !== null) return "ended";
    if (this.stopping) return "refused";
    const ref = { taskId, executionId };
    this.claim(ref);
    this.options.journal.saveHandle(ref, handle);
    this.takeOver({ ...ref, handle, claimedAt, ended: false, terminal: null });
    return "taken";
  };

  private takeOver(execution: Execution): void {
    const { taskId, executionId, handle, claimedAt } = execution;
    const other = this.running.get(taskId);
    if (other !== undefined) {
      // Two dead daemons may each have left an execution of one task: one after the other.
      const turn: Promise<void> = other.ended.then(() => {
        this.turns.delete(turn);
        this.takeOver(execution);
      });
      this.turns.add(turn);
      return;
    }
    this.options.log.info("task taken over from an earlier daemon", { taskId, executionId });
    const ref = { taskId, executionId };
    this.start(ref, (context) => this.options.backend.resume(ref, handle, context), claimedAt);
  }

  /** From now on nothing is accepted. */
  stopAccepting(): void {
    this.stopping = true;
  }

  /** Stops every task and resolves when all are reported; `hurry` ends the grace periods early. */
  async stopAll(hurry: AbortSignal): Promise<void> {
    if (hurry.aborted) this.hurry.abort();
    hurry.addEventListener("abort", () => this.hurry.abort(), { once: true });
    // More than once: the end of one execution may start another that an earlier daemon left.
    while (this.running.size + this.turns.size > 0) {
      const tasks = [...this.running.values()];
      for (const task of tasks) task.stop.abort(new TaskStopped("shutdown"));
      await Promise.all([...tasks.map((task) => task.ended), ...this.turns]);
    }
    await this.handedOff.settled();
  }

  /** The same assignment again: it does not run twice, but its sender gets its answer twice. */
  private answerKnown(ref: ExecutionRef): boolean {
    const running = this.running.get(ref.taskId);
    if (running !== undefined) {
      if (running.ref.executionId === ref.executionId) this.owe(this.claimOf(ref.taskId));
      else this.reject(ref.taskId, "another execution of this task is still running");
      return true;
    }
    // Without an execution id an ended task cannot be told from a new run of it.
    const known = ref.executionId === "" ? null : this.options.journal.find(ref);
    if (known === null || !known.ended) return false;
    this.options.log.info("assignment of an ended execution answered again", { ...ref });
    if (known.terminal === null) this.owe(this.claimOf(ref.taskId));
    else if (!this.options.isOnItsWay(known.terminal)) {
      this.options.deliver(this.options.journal.owe(known.terminal));
    }
    return true;
  }

  private obstacleTo(taskId: string): string | null {
    const { maxConcurrentTasks, log } = this.options;
    if (this.stopping) return "worker is shutting down";
    if (maxConcurrentTasks === 0 || this.running.size < maxConcurrentTasks) return null;
    log.debug("at maximum concurrency", { taskId, maxConcurrentTasks });
    return "worker at maximum concurrency";
  }

  private reject(taskId: string, reason: string): void {
    this.options.log.info("task rejected", { taskId, reason });
    this.owe({ type: "task_rejected", taskId, reason });
  }

  private claim(ref: ExecutionRef): void {
    const frame = encodeOutbound(this.claimOf(ref.taskId));
    this.options.deliver(this.options.journal.claim(ref, frame));
    this.options.log.info("task claimed", { ...ref });
  }

  private claimOf(taskId: string): Outbound {
    return { type: "task_claimed", taskId, workerId: this.options.workerId };
  }

  private owe(message: Outbound): void {
    this.options.deliver(this.options.journal.owe(encodeOutbound(message)));
  }

  /** `claimedAt` in ms since 1970: what an earlier daemon let it run counts. */
  private start(ref: ExecutionRef, work: Work, claimedAt = Date.now()): void {
    const stop = new AbortController();
    const { journal, log } = this.options;
    const context: RunContext = {
      signal: stop.signal,
      hurry: this.hurry.signal,
      log: log.with({ taskId: ref.taskId }),
      saveHandle: (handle) => journal.saveHandle(ref, handle),
      step: (_name, work) => work(),
    };
    const timer = this.limitDuration(stop, claimedAt);
    const startedAt = performance.now();
    // The map knows it before the work begins: a second delivery may be the very next frame.
    const ended = Promise.resolve()
      .then(() => runToOutcome(() => work(context), stop.signal))
      .then((outcome) => {
        if (timer !== null) clearTimeout(timer);
        this.finish(ref, outcome, performance.now() - startedAt);
      });
    this.running.set(ref.taskId, { ref, stop, ended });
  }

  private limitDuration(stop: AbortController, claimedAt: number): ReturnType<typeof setTimeout> | null {
    const { maxTaskDurationMs } = this.options;
    if (maxTaskDurationMs === null) return null;
    const leftMs = Math.max(0, claimedAt + maxTaskDurationMs - Date.now());
    return setTimeout(() => stop.abort(new TaskStopped("timeout")), Math.min(leftMs, LONGEST_TIMER_MS));
  }

  private finish(ref: ExecutionRef, outcome: Outcome, durationMs: number): void {
    const { journal, backend, deliver } = this.options;
    const report = reportFor(ref.taskId, outcome);
    const stored = journal.end(ref, report === null ? null : encodeOutbound(report));
    this.running.delete(ref.taskId);
    if (stored !== null) deliver(stored);
    backend.forget(ref);
    this.logEnd(ref, outcome, durationMs);
  }

  private logEnd(ref: ExecutionRef, outcome: Outcome, durationMs: number): void {
    const fields = { ...ref, result: outcome.kind, seconds: Math.round(durationMs / 100) / 10 };
    if (outcome.kind !== "failed") {
      this.options.log.info("task ended", fields);
      return;
    }
    const { reason, message, exitCode } = outcome;
    this.options.log.warn("task failed", { ...fields, reason, exitCode, why: message });
  }
}
