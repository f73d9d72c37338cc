/** How a Job went that this worker has noted as its own and did not get: mostly, its end was told by who had it. */
import type { V1Job } from "@kubernetes/client-node";
import { isFinished } from "../verdict/job-condition.ts";
import { isNewer } from "../watch/resource-version.ts";
import type { Subscription } from "../watch/subscription.ts";
import { instanceOf, isEnded } from "./marks.ts";

/** Whoever waits for the watch to tell of it. */
const UNSEEN_MS = 5_000;

/**
 * The Job that was `seen`, as it was when it went, if a watch has shown that it went before it had ended, and that nobody
 * else had taken it by then: by somebody's hand, so that nobody tells of its task. Null: it was not so, or that cannot be
 * known. `sinceMs`: when it was found gone, by performance.now; `subscription` was there before.
 */
export async function goneUnfinished(
  seen: V1Job,
  subscription: Subscription,
  { sinceMs, signal }: { readonly sinceMs: number; readonly signal: AbortSignal },
): Promise<V1Job | null> {
  const isSame = (job: V1Job | null) => job !== null && job.metadata?.uid === seen.metadata?.uid;
  for (;;) {
    subscription.look();
    const leftMs = sinceMs + UNSEEN_MS - performance.now();
    if (!isSame(subscription.job) || leftMs <= 0 || signal.aborted) break;
    await subscription.changed(leftMs, signal);
  }
  const { lastJob: last } = subscription;
  // Of one that a list has missed only, it is not known what became of it until it went.
  if (last === null || !isSame(last) || !isNewer(last, seen)) return null;
  return isFinished(last) || isEnded(last) || instanceOf(last) !== instanceOf(seen) ? null : last;
}
