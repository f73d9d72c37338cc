/**
 * Cancellations, kept for executions that are not here yet. What a dead worker left is taken over once its death is
 * proven, which takes most of a minute with Kubernetes, and a user does not cancel a task twice.
 */

/** Longer than any take-over takes while the engine answers. */
const KEEP_MS = 10 * 60_000;
/** They come from outside: so many, and the oldest go. */
const MOST = 1_000;

export class EarlyCancellations {
  /** By task id, in ms since 1970; oldest first. */
  private readonly cameAt = new Map<string, number>();

  note(taskId: string, now = Date.now()): void {
    this.cameAt.delete(taskId);
    this.cameAt.set(taskId, now);
    for (const [other, at] of this.cameAt) {
      if (this.cameAt.size <= MOST && now - at <= KEEP_MS) break;
      this.cameAt.delete(other);
    }
  }

  /** The task was given to this worker since: that is not what was cancelled. */
  drop(taskId: string): void {
    this.cameAt.delete(taskId);
  }

  /** True for what was claimed, at `claimedAt` in ms since 1970, before its cancellation came. */
  take(taskId: string, claimedAt: number, now = Date.now()): boolean {
    const at = this.cameAt.get(taskId);
    this.cameAt.delete(taskId);
    return at !== undefined && now - at <= KEEP_MS && claimedAt <= at;
  }
}
