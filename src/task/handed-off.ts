/**
 * Tasks that somebody else runs now. All that can still come for them is a cancellation, which is
 * passed on; a later one too when an earlier one failed, and not when it got through.
 */
import { type Execution, type Handle, LEFT, TAKEN } from "../journal/execution.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type Backend, TaskFailure } from "./backend.ts";
import type { TaskObserver } from "./observer.ts";
import type { Outcome } from "./outcome.ts";

export interface HandedOffOptions {
  readonly backend: Backend;
  readonly journal: Journal;
  readonly log: Logger;
  readonly observer: TaskObserver;
  /** Fires when a stopping worker has no more time. */
  readonly hurry: AbortSignal;
}

/** What the journal keeps of a task whose runtime has been told. */
const CANCELLED = { cancelled: true } as const;

/** What is kept of an execution that has ended so. */
export function handleOf({ kind }: Outcome, { cancelHandedOff }: Backend): Handle | null {
  if (kind === "left") return LEFT;
  // Where there is no engine that could be told of a cancellation, none can have it.
  return kind === "handed-off" && cancelHandedOff === undefined ? TAKEN : null;
}

export function isLeft({ handle }: Execution): boolean {
  return handle?.["left"] === true;
}

export class HandedOff {
  private readonly options: HandedOffOptions;
  /** Being told, by the run of the task: a later one may be handed off and cancelled while an earlier one's command is slow. */
  private readonly underway = new Map<string, Promise<void>>();

  constructor(options: HandedOffOptions) {
    this.options = options;
  }

  /** False: there is nobody to be told. */
  cancel(taskId: string): boolean {
    const { backend, journal, log } = this.options;
    // Where nobody can be told, what ended without a report is another worker's, and so is its cancellation.
    const wanted = backend.cancelHandedOff === undefined ? [] : journal.handedOff(taskId).filter(isWanted);
    const waiting = wanted.filter((execution) => !this.underway.has(runOf(execution)));
    if (waiting.length > 0) {
      log.info("cancellation of a task that was handed off", { taskId });
      for (const execution of waiting) journal.noteCancellation(execution);
      this.pass(waiting);
    }
    return wanted.length > 0;
  }

  /** Goes on with what an earlier worker was killed in: a runtime may be told twice, and never not at all. */
  recover(): void {
    const byTask = Map.groupBy(this.options.journal.beingCancelled().filter(isWanted), (each) => each.taskId);
    for (const [taskId, executions] of byTask) {
      this.options.log.info("cancellation of an earlier worker is passed on again", { taskId });
      this.pass(executions);
    }
  }

  private pass(executions: readonly Execution[]): void {
    for (const execution of executions) {
      const run = runOf(execution);
      const told = this.tell(execution).then(() => void this.underway.delete(run));
      this.underway.set(run, told);
    }
  }

  /** Resolves when nobody is being told any more. Never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.underway.values());
  }

  private async tell(execution: Execution): Promise<void> {
    const { taskId, executionId } = execution;
    const { backend, journal, log: daemonLog, hurry } = this.options;
    const log = daemonLog.with({ taskId });
    const ref = { taskId, executionId };
    try {
      await backend.cancelHandedOff?.(ref, {
        signal: hurry,
        hurry,
        log,
        saveHandle: () => {},
        step: (_name, work) => work(),
      });
      if (this.isLatest(execution)) journal.saveHandle(ref, CANCELLED);
      log.info("cancellation passed on");
    } catch (error) {
      // A worker that had to stop leaves it to the next one.
      if (!hurry.aborted && this.isLatest(execution)) journal.dropCancellation(ref);
      const reason = error instanceof TaskFailure ? error.reason : "cancel_command";
      const why = wordsOf(error);
      this.options.observer.cancelFailed(ref, reason, why);
      log.warn("cancellation could not be passed on", { reason, why });
    }
  }

  /** False: without an execution id the same row is a later run's by now, which was not told of anything. */
  private isLatest(execution: Execution): boolean {
    return this.options.journal.find(execution)?.claimedAt === execution.claimedAt;
  }
}

function runOf({ taskId, executionId, claimedAt }: Execution): string {
  return JSON.stringify([taskId, executionId, claimedAt]);
}

/** False: its runtime knows already, or is another worker's. */
function isWanted(execution: Execution): boolean {
  return execution.handle?.["cancelled"] !== true && !isLeft(execution);
}
