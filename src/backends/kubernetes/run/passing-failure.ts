/**
 * Waits with what passes by itself: a kubelet that could not ask the API server for a Secret says that the container cannot
 * be made, and makes it once the server is back. Its task was failed by then, and the agent worked.
 */
import type { Verdict } from "../verdict/view.ts";

/** It is seen only when the server is back, and the kubelet asks again within half of that. */
const PATIENCE_MS = 60_000;

export class PassingFailure {
  /** By performance.now, since when this worker sees it: when it began is told nowhere. Null: it is not so. */
  private since: number | null = null;

  /** For how long it is not to be believed; 0: it is. */
  doubtMs(verdict: Verdict): number {
    if (verdict.kind !== "failed" || verdict.mayPass !== true) {
      this.since = null;
      return 0;
    }
    this.since ??= performance.now();
    return Math.max(0, this.since + PATIENCE_MS - performance.now());
  }
}
