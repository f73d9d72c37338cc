/** Tasks of daemons that are dead: each is picked up where it is, as soon as its task's turn has come. */
import type { Execution, ExecutionRef, Handle } from "../journal/execution.ts";
import type { Journal } from "../journal/journal.ts";
import type { Logger } from "../logging/logger.ts";
import type { Backend, Completion, RunContext } from "./backend.ts";
import type { TaskObserver, TaskTrail } from "./observer.ts";
import type { RunningTask } from "./running-task.ts";

export type Work = (context: RunContext) => Promise<Completion>;

export interface InheritanceOptions {
  readonly backend: Backend;
  readonly journal: Journal;
  readonly log: Logger;
  readonly observer: TaskObserver;
  /** By task id. */
  readonly running: ReadonlyMap<string, RunningTask>;
  /** `claimedAt` in ms since 1970. */
  readonly begin: (ref: ExecutionRef, trail: TaskTrail, work: Work, claimedAt: number) => RunningTask;
}

export class Inheritance {
  private readonly options: InheritanceOptions;
  /** Executions that wait for another one of their task to end, and when each has begun. */
  private readonly turns = new Map<Execution, Promise<void>>();

  constructor(options: InheritanceOptions) {
    this.options = options;
  }

  /** Each resolves when what waited has begun. */
  get waiting(): readonly Promise<void>[] {
    return [...this.turns.values()];
  }

  /** It is this worker's, and runs perhaps, although nobody looks after it yet. */
  isWaiting({ taskId, executionId }: ExecutionRef): boolean {
    return this.waitingOf(taskId).some((waiting) => waiting.executionId === executionId);
  }

  /** Whoever cancels a task means all of it: what waits is stopped as soon as its turn has come. */
  cancel(taskId: string): void {
    for (const waiting of this.waitingOf(taskId)) this.options.journal.noteCancellation(waiting);
  }

  /** In the order in which they were begun. */
  takeOverAll(executions: readonly Execution[]): void {
    const inOrder = executions.toSorted((one, other) => one.claimedAt - other.claimedAt);
    const last = new Map(inOrder.map((execution) => [execution.taskId, execution]));
    for (const execution of inOrder) {
      const latest = last.get(execution.taskId);
      this.takeOver(execution, latest === execution ? null : (latest?.handle ?? null));
    }
  }

  /** `later`: what the task's latest execution is found by, if that is another one. */
  takeOver(execution: Execution, later: Handle | null = null): void {
    const { taskId, executionId, handle, claimedAt, cancelled } = execution;
    const { backend, journal, log, observer, running, begin } = this.options;
    const other = running.get(taskId);
    // Sent again before it was taken over: it runs already, and must not run once more after its report.
    if (other?.ref.executionId === executionId) return;
    if (other !== undefined) {
      // Two dead daemons may each have left an execution of one task: one after the other.
      const begun = other.ended.then(() => {
        this.turns.delete(execution);
        this.takeOver(journal.find(execution) ?? execution, later);
      });
      this.turns.set(execution, begun);
      return;
    }
    log.info("task taken over from an earlier daemon", { taskId, executionId });
    const ref = { taskId, executionId };
    const trail = observer.takenOver(ref);
    const work: Work = (context) => {
      trail.started();
      return backend.resume(ref, handle, later === null ? context : { ...context, later });
    };
    const task = begin(ref, trail, work, claimedAt);
    task.handle = handle;
    if (cancelled) task.stop("cancelled");
  }

  private waitingOf(taskId: string): Execution[] {
    return [...this.turns.keys()].filter((execution) => execution.taskId === taskId);
  }
}
