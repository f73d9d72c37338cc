/**
 * What becomes of each task's Job: of one that would run on, once the task's result is safe; of one that has ended, once the
 * control plane is proven to know that. Until then it may take this worker for lost, and give the task to another, which
 * finds how it ended in that Job; and so does whoever follows when this worker is gone with its journal.
 */
import type { ExecutionRef } from "../../../journal/execution.ts";
import type { RunContext } from "../../../task/backend.ts";
import type { JobHandle } from "./handle.ts";
import type { Retiree, Retirement } from "./retirement.ts";

interface Fate {
  readonly retiree: Retiree;
  /** The task's own, so that this too is seen as a part of it, and told without its values. */
  readonly context: Pick<RunContext, "step" | "linger">;
}

interface Unproven extends Fate {
  /** To be called with what is done in the end: it, too, is told without the task's values. */
  readonly done: (work: Promise<void>) => void;
}

/** Of these the Job has ended, or does so by itself. */
const MAY_WAIT: ReadonlySet<Retiree["what"]> = new Set<Retiree["what"]>(["clear", "mark", "settle"]);

export class Fates {
  private readonly retirement: Retirement;
  private readonly byExecution = new Map<string, Fate>();
  private readonly unproven = new Map<string, Unproven>();

  constructor(retirement: Retirement) {
    this.retirement = retirement;
  }

  /** The last word counts. Of a Job that may not be there nothing is to be done, but for its recall. */
  decide(ref: ExecutionRef, { job, uid }: JobHandle, what: Retiree["what"], context: RunContext): void {
    if (uid === null && what !== "recall") return;
    this.byExecution.set(keyOf(ref), { retiree: { name: job, uid: uid ?? "", what }, context });
  }

  undecide(ref: ExecutionRef): void {
    this.byExecution.delete(keyOf(ref));
  }

  /** The result is safe. */
  ended(ref: ExecutionRef): void {
    const fate = this.byExecution.get(keyOf(ref));
    this.undecide(ref);
    if (fate === undefined) return;
    // A policy that refuses to have the Job marked may quote what stands in it.
    const { linger } = fate.context;
    if (!MAY_WAIT.has(fate.retiree.what)) {
      const done = this.fulfil(fate);
      linger?.(done);
      return;
    }
    // Of an earlier run, whose Job this one has replaced.
    this.proven(ref);
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.unproven.set(keyOf(ref), { ...fate, done });
    linger?.(promise);
  }

  /** The control plane is proven to know it. */
  proven(ref: ExecutionRef): void {
    const fate = this.unproven.get(keyOf(ref));
    this.unproven.delete(keyOf(ref));
    fate?.done(this.fulfil(fate));
  }

  /** Of a Job whose result is safe, and not proven to be known. */
  isUnproven(uid: string): boolean {
    return [...this.unproven.values()].some(({ retiree }) => retiree.uid === uid);
  }

  private fulfil({ retiree, context }: Fate): Promise<void> {
    return this.retirement.add(retiree, (work) => context.step("cleanup", work));
  }
}

function keyOf({ taskId, executionId }: ExecutionRef): string {
  return JSON.stringify([taskId, executionId]);
}
