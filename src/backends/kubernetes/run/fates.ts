/** What becomes of each task's Job once the task's result is safe. */
import type { ExecutionRef } from "../../../journal/execution.ts";
import type { RunContext } from "../../../task/backend.ts";
import type { JobHandle } from "./handle.ts";
import type { Retiree, Retirement } from "./retirement.ts";

interface Fate {
  readonly retiree: Retiree;
  /** The task's own, so that this too is seen as a part of it, and told without its values. */
  readonly context: Pick<RunContext, "step" | "linger">;
}

export class Fates {
  private readonly retirement: Retirement;
  private readonly byExecution = new Map<string, Fate>();

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
  fulfil(ref: ExecutionRef): void {
    const fate = this.byExecution.get(keyOf(ref));
    this.undecide(ref);
    if (fate === undefined) return;
    const { retiree, context } = fate;
    const done = this.retirement.add(retiree, (work) => context.step("cleanup", work));
    // A policy that refuses to have the Job marked may quote what stands in it.
    context.linger?.(done);
  }
}

function keyOf({ taskId, executionId }: ExecutionRef): string {
  return JSON.stringify([taskId, executionId]);
}
