/**
 * Which tasks run here: takes assignments or turns them down, stops tasks, and sees that each claimed
 * one ends in exactly one report. Knows nothing of the link; it owes frames, somebody delivers them.
 */
import { firing } from "../async/wait.ts";
import type { Execution, ExecutionRef, Handle } from "../journal/execution.ts";
import { secondsOf } from "../logging/seconds-of.ts";
import type { Secrets } from "../logging/secrets.ts";
import type { Assignment } from "../protocol/assignment.ts";
import { encodeOutbound } from "../protocol/outbound.ts";
import { Admission } from "./admission.ts";
import { Answers, type AnswersOptions } from "./answers.ts";
import type { Adoption, Backend, Completion, Orphan, Reservation, RunContext } from "./backend.ts";
import { EarlyCancellations } from "./early-cancellations.ts";
import { HandedOff, handleOf } from "./handed-off.ts";
import { Inheritance, type Work } from "./inheritance.ts";
import { type Rejection, type TaskObserver, type TaskTrail, UNOBSERVED_TRAIL } from "./observer.ts";
import { type Outcome, reportFor } from "./outcome.ts";
import type { TaskSpec } from "./prepare.ts";
import { runToOutcome } from "./run.ts";
import { RunningTask, type TaskStatus } from "./running-task.ts";
import type { UnprovenEnds } from "./unproven-ends.ts";

export interface SchedulerOptions extends AnswersOptions {
  readonly backend: Backend;
  readonly unprovenEnds: UnprovenEnds;
  /** A running task's values are hidden in it. */
  readonly secrets: Secrets;
  /** `traceContext`: variables by which the agent's own traces join the task's. */
  readonly prepare: (assignment: Assignment, traceContext: Readonly<Record<string, string>>) => TaskSpec;
  readonly observer: TaskObserver;
  /** A task is held here from now on. */
  readonly onBegun?: () => void;
  /** A task's end is in the journal, and nothing of it is held here any more. */
  readonly onEnded?: () => void;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  /** Null: no limit. */
  readonly maxTaskDurationMs: number | null;
}

/** An engine's times are whole seconds, and its clock may be another one. */
const CLOCKS_MS = 5_000;

export class Scheduler {
  readonly admission = new Admission();
  private readonly options: SchedulerOptions;
  /** By task id: an execution of a task excludes every other of the same task. */
  private readonly running = new Map<string, RunningTask>();
  private readonly hurry = new AbortController();
  private readonly answers: Answers;
  private readonly handedOff: HandedOff;
  private readonly inheritance: Inheritance;
  private readonly early = new EarlyCancellations();

  constructor(options: SchedulerOptions) {
    this.options = options;
    this.answers = new Answers(options);
    this.handedOff = new HandedOff({ ...options, hurry: this.hurry.signal });
    this.inheritance = new Inheritance({ ...options, running: this.running, begin: this.start.bind(this) });
  }

  get activeTasks(): number {
    return this.running.size;
  }

  /** Those too that wait for another execution of theirs to end. */
  get heldTasks(): number {
    return this.running.size + this.inheritance.waiting.length;
  }

  tasks(now = Date.now()): TaskStatus[] {
    return [...this.running.values()].map((task) => task.status(now));
  }

  offer(assignment: Assignment): void {
    const { taskId, executionId, imageProblem } = assignment;
    if (imageProblem !== null && this.options.backend.usesImages) {
      this.refuse({ taskId, executionId }, imageProblem);
      return;
    }
    if (this.answerKnown({ taskId, executionId })) return;
    const { backend, prepare, observer } = this.options;
    const trail = observer.assigned(assignment);
    const admitted = this.admit(assignment);
    if (typeof admitted === "string") {
      trail.rejected(admitted);
      this.answers.reject(taskId, admitted);
      return;
    }
    const { planned } = admitted;
    this.early.drop(taskId);
    this.claim({ taskId, executionId }, trail, planned);
    const work: Work = (context) => {
      // Its cancellation may have been the very next frame.
      context.signal.throwIfAborted();
      const spec = prepare(assignment, trail.environment);
      trail.started();
      return backend.run(spec, planned === null ? context : { ...context, planned });
    };
    const task = this.start({ taskId, executionId }, trail, work);
    task.handle = planned;
    this.hide(task, Object.values(assignment.envVars));
  }

  /** What arrived cannot be run; its sender is told which field is at fault, or how the execution had ended before. */
  refuse(ref: ExecutionRef, problem: string): void {
    const { taskId } = ref;
    if (this.running.has(taskId)) {
      this.options.log.warn("unreadable assignment for a running task ignored", { taskId, problem });
      return;
    }
    if (this.answers.endAgain(ref)) return;
    const message = `Failed to execute task: cannot read the assignment: ${problem}`;
    this.options.observer.unreadable(taskId, message);
    this.answers.owe({ type: "task_failed", taskId, message, reason: "unknown" });
  }

  cancel(taskId: string): void {
    // Although it runs here: a dead worker may have left another execution of it.
    this.early.note(taskId);
    const { journal, log } = this.options;
    const task = this.running.get(taskId);
    if (task !== undefined) {
      journal.noteCancellation(task.ref);
      this.inheritance.cancel(taskId);
      log.info("task cancellation requested", { taskId });
      task.stop("cancelled");
    }
    // Although it runs here: an engine may have an earlier execution of it.
    const isTold = this.handedOff.cancel(taskId);
    if (task === undefined && !isTold) log.info("cancellation for a task that does not run here", { taskId });
  }

  /** Picks up what earlier daemons claimed and did not end. */
  recover(executions: readonly Execution[]): void {
    this.inheritance.takeOverAll(executions);
    this.handedOff.recover();
  }

  /** Takes up a task of a dead worker that no journal here knows. */
  readonly adopt = (orphan: Orphan): Adoption => {
    const { taskId, executionId, handle, claimedAt } = orphan;
    if (this.running.has(taskId)) return this.isOurs(orphan) ? "running" : "later";
    const known = this.options.journal.find(orphan);
    // Without an execution id, what may have been begun after that end is a new run of the task.
    const isKnown = executionId !== "" || claimedAt < (known?.endedAt ?? 0) - CLOCKS_MS;
    // One that was left to another worker is an orphan again when that one is dead too.
    if (known?.ended === true && known.terminal !== null && isKnown)
      return this.options.journal.isOwed(known.terminal) ? "unproven" : "ended";
    if (!this.admission.ofOrphans) return "refused";
    const ref = { taskId, executionId };
    this.claim(ref, UNOBSERVED_TRAIL, handle);
    const cancelled = this.early.take(taskId, claimedAt);
    if (cancelled) this.options.journal.noteCancellation(ref);
    this.inheritance.takeOver({ ...ref, ended: false, terminal: null, cancelled, handle, claimedAt });
    return "taken";
  };

  /** Stops every task and resolves when all are reported; `hurry` ends the grace periods early. */
  async stopAll(hurry: AbortSignal): Promise<void> {
    if (hurry.aborted) this.hurry.abort();
    hurry.addEventListener("abort", () => this.hurry.abort(), { once: true });
    // More than once: the end of one execution may start another that an earlier daemon left.
    while (this.heldTasks > 0) {
      for (const task of this.running.values()) task.stop("shutdown");
      await this.presentEnded();
    }
    await this.handedOff.settled();
  }

  /** Resolves when nothing runs here any more, or `enough` fires. */
  async whenIdle(enough: AbortSignal): Promise<void> {
    using over = firing(enough);
    while (this.heldTasks > 0 && !enough.aborted) await Promise.race([this.presentEnded(), over.fired]);
  }

  private async presentEnded(): Promise<void> {
    const tasks = [...this.running.values()];
    await Promise.all([...tasks.map((task) => task.ended), ...this.inheritance.waiting]);
  }

  /** The same assignment again: it does not run twice, but its sender gets its answer twice. */
  private answerKnown(ref: ExecutionRef): boolean {
    if (this.running.has(ref.taskId)) {
      if (this.isOurs(ref)) this.answers.claimAgain(ref);
      else this.answers.reject(ref.taskId, "alreadyRunning");
      return true;
    }
    return this.answers.endAgain(ref);
  }

  /** It runs here, or its turn will come. */
  private isOurs({ taskId, executionId }: ExecutionRef): boolean {
    const running = this.running.get(taskId)?.ref.executionId;
    return running === executionId || this.inheritance.isWaiting({ taskId, executionId });
  }

  private admit(assignment: Assignment): Reservation | Rejection {
    const { taskId } = assignment;
    const { backend, maxConcurrentTasks, log } = this.options;
    if (!this.admission.ofAssignments) return "stopping";
    if (maxConcurrentTasks !== 0 && this.running.size >= maxConcurrentTasks) {
      log.debug("at maximum concurrency", { taskId, maxConcurrentTasks });
      return "atCapacity";
    }
    if (backend.hasRoom?.() === false) return "noRoom";
    // Last: what is reserved is run.
    if (backend.reserve === undefined) return { planned: null };
    return backend.reserve(assignment) ?? "alreadyRunning";
  }

  private claim(ref: ExecutionRef, trail: TaskTrail, handle: Handle | null): void {
    this.answers.claim(ref, handle);
    trail.claimed();
    this.options.log.info("task claimed", { ...ref });
  }

  /** `claimedAt` in ms since 1970: what an earlier daemon let it run counts. */
  private start(ref: ExecutionRef, trail: TaskTrail, work: Work, claimedAt = Date.now()): RunningTask {
    const task = new RunningTask(ref, trail, claimedAt);
    const context = this.contextOf(task);
    // The map knows it before the work begins: a second delivery may be the very next frame.
    const completion = Promise.resolve().then(() => work(context));
    task.ended = this.seeThrough(task, completion);
    this.running.set(ref.taskId, task);
    this.options.onBegun?.();
    return task;
  }

  private contextOf(task: RunningTask): RunContext {
    const { journal, log } = this.options;
    const { ref } = task;
    return {
      signal: task.signal,
      hurry: this.hurry.signal,
      log: log.with({ taskId: ref.taskId }),
      saveHandle: (handle) => {
        task.handle = handle;
        journal.saveHandle(ref, handle);
      },
      step: (name, work) => task.step(name, work),
      hide: (values) => this.hide(task, values),
      linger: (work) => {
        task.lingering = work;
      },
    };
  }

  private async seeThrough(task: RunningTask, completion: Promise<Completion>): Promise<void> {
    using _limit = task.limitTo(this.options.maxTaskDurationMs);
    const startedAt = performance.now();
    const outcome = await runToOutcome(completion, task.signal, this.options.secrets.redact);
    this.finish(task, outcome, performance.now() - startedAt);
  }

  /** Until the task has ended. Its ids and the worker's stay readable although an agent is told them. */
  private hide(task: RunningTask, values: Iterable<string>): void {
    const { taskId, executionId } = task.ref;
    task.hidden.push(this.options.secrets.hide(values, [taskId, executionId, this.options.workerId]));
  }

  private finish(task: RunningTask, outcome: Outcome, durationMs: number): void {
    const { journal, backend, deliver, unprovenEnds } = this.options;
    const { ref, trail } = task;
    const report = reportFor(ref.taskId, outcome);
    const frame = report === null ? null : encodeOutbound(report);
    const stored = journal.end(ref, frame, handleOf(outcome, backend));
    this.running.delete(ref.taskId);
    if (stored !== null) deliver(stored);
    trail.ended(outcome, durationMs / 1_000, stored?.seq ?? null);
    backend.forget(ref);
    unprovenEnds.add(ref, stored?.seq ?? null);
    this.logEnd(ref, outcome, durationMs);
    // Told while the worker was stopping, which lets it come to its end: whoever has it now does not know of that.
    if (outcome.kind === "handed-off" && task.isCancelled) this.handedOff.cancel(ref.taskId);
    task.letGo();
    this.options.onEnded?.();
  }

  private logEnd(ref: ExecutionRef, outcome: Outcome, durationMs: number): void {
    const fields = { ...ref, result: outcome.kind, seconds: secondsOf(durationMs) };
    if (outcome.kind !== "failed") {
      this.options.log.info("task ended", fields);
      return;
    }
    const { reason, message, exitCode } = outcome;
    this.options.log.warn("task failed", { ...fields, reason, exitCode, why: message });
  }
}
