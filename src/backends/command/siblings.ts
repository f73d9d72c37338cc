/**
 * What the other workers of the id on this host dispatch, or have dispatched: the control plane gives an execution to a second
 * one when it lost sight of the first, and to dispatch it twice is to do its work twice.
 */
import type { ExecutionRef } from "../../journal/execution.ts";
import type { StateFolders } from "../../journal/place.ts";
import { NO_GROUP } from "../../process/process-table.ts";
import type { Surveyor } from "../../process/stragglers.ts";
import { type Completion, isCancelled } from "../../task/backend.ts";
import { HadTasks } from "../../task/claims/had-tasks.ts";
import type { Claim } from "../../task/claims/task-claims.ts";
import { markOf } from "./environment.ts";
import { HandedOffMarks } from "./handed-off-marks.ts";

/** A dispatch works in no folder of its own. */
const NOWHERE = "";

export class Siblings implements Disposable {
  private readonly surveyor: Surveyor;
  /** While it is dispatched here, and until its failure was read. */
  private readonly had: HadTasks;
  /** From then on. */
  private readonly marks: HandedOffMarks;

  /** `folders` null: there are none, so nobody can be told. Asked when a task comes. */
  constructor(folders: () => StateFolders | null, surveyor: Surveyor) {
    this.surveyor = surveyor;
    this.had = new HadTasks(() => folders()?.claimsDir ?? null);
    this.marks = new HandedOffMarks(() => folders()?.handedOffDir ?? null);
  }

  /** False: another has it, so that it is not to be dispatched here. Else none does until `letGo`. */
  take(ref: ExecutionRef): boolean {
    const { taskId } = ref;
    if (this.marks.has(ref) || this.isDispatchedByDead(ref)) return false;
    if (this.had.take(taskId, NOWHERE).kind === "taken") return false;
    // The one that had it may have handed it off, and let go of it, between the two looks.
    if (!this.marks.has(ref)) return true;
    this.had.giveBack(taskId);
    return false;
  }

  /** The same for one of a dead worker. */
  inherit({ taskId }: ExecutionRef): Claim {
    return this.had.inherit(taskId, NOWHERE);
  }

  /**
   * What a dead worker's task that came to no good end here is: a failure told of would be taken for the end of what another
   * has. Null: it is told. So is that its user had cancelled it before its worker was killed, unless an engine has it, and is
   * to be told of that.
   */
  completionOf(ref: ExecutionRef, { kind }: Claim, signal: AbortSignal): Completion | null {
    if (this.marks.has(ref)) return "handed-off";
    return kind === "taken" && !isCancelled(signal) ? "left" : null;
  }

  /** Before that is in the journal: whoever comes after a crash between the two finds its status again. */
  handedOff(ref: ExecutionRef): void {
    this.marks.add(ref);
  }

  ended(taskId: string): void {
    this.had.ended(taskId);
  }

  letGo(taskId: string): void {
    this.had.letGo(taskId);
  }

  /** What dead workers left, once it is known here. */
  sweep(): void {
    this.had.sweep();
    this.marks.prune();
  }

  [Symbol.dispose](): void {
    this.had[Symbol.dispose]();
  }

  /** It goes on under the dead one's shim. True also where nobody can look: a task that is turned down is offered again. */
  private isDispatchedByDead(ref: ExecutionRef): boolean {
    if (!this.had.isOfDead(ref.taskId)) return false;
    try {
      return this.surveyor.look().membersOf(NO_GROUP, markOf(ref)).length > 0;
    } catch {
      return true;
    }
  }
}
