/**
 * Waits with what passes by itself: a kubelet that could not ask the API server for a Secret says that the container cannot
 * be made, and makes it once the server is back. Its task was failed by then, and the agent worked. And a Job that is out of
 * time says so when its server is back, perhaps before its pod is seen to have ended long ago.
 */
import type { Verdict } from "../verdict/view.ts";

export class PassingFailure {
  /** By performance.now, since when this worker sees it: when it began is told nowhere. Null: it is not so. */
  private since: number | null = null;

  /** For how long it is not to be believed; 0: it is. */
  doubtMs(verdict: Verdict): number {
    const afterMs = verdict.kind === "failed" ? (verdict.believedAfterMs ?? 0) : 0;
    if (afterMs === 0) {
      this.since = null;
      return 0;
    }
    this.since ??= performance.now();
    return Math.max(0, this.since + afterMs - performance.now());
  }
}
