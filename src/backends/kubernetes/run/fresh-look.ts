/** What a verdict may need beside the watches: the events of a Job, and its pods as they are now. */
import type { CoreV1Event, V1Pod } from "@kubernetes/client-node";
import { Backoff } from "../../../async/backoff.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { ClusterError } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { EXECUTION_HASH_LABEL } from "../job/labels.ts";
import { type JobView, podsEver } from "../verdict/view.ts";
import { isOwnedBy } from "../watch/pod-owner.ts";
import { slimPod } from "../watch/slim.ts";

export interface FreshLookOptions {
  /** The Job's. */
  readonly uid: string;
  readonly cluster: Cluster;
  readonly log: Logger;
}

const BACKOFF = { firstMs: 1_000, lastMs: 15_000 } as const;
/** Events often have a store of their own, which may be away for long while all else goes on. */
const PATIENCE_MS = 60_000;

export class FreshLook {
  private readonly options: FreshLookOptions;
  private readonly backoff = new Backoff(BACKOFF);
  /** From the first to the last look in vain, by performance.now; null: the last one brought what was asked for. */
  private failing: { readonly since: number; readonly until: number } | null = null;

  constructor(options: FreshLookOptions) {
    this.options = options;
  }

  /**
   * With events, and pods as they are now, or were when they went; without the right to read them, as if there
   * were no events. `seen` itself: that cannot be told in this moment. Rejects with the signal's reason.
   */
  async take(seen: JobView, signal: AbortSignal): Promise<JobView> {
    const askedAt = performance.now();
    let known = seen;
    try {
      known = await this.readPods(seen, signal);
      const events = await this.readEvents(known, signal);
      this.failing = null;
      this.backoff.reset();
      return { ...known, events };
    } catch (error) {
      signal.throwIfAborted();
      this.options.log.debug("cannot read the events of a Job", { job: seen.jobName, why: wordsOf(error) });
      this.noteFailure(askedAt);
      // The server is there when it has shown the pods: then only the events have no answer.
      return this.isInVain(error, known !== seen) ? { ...known, events: [] } : seen;
    }
  }

  /** After which time it is worth another look. */
  againInMs(): number {
    return this.backoff.next();
  }

  /** What failed while the pod was about to start is no part of what fails when its Job has ended. */
  private noteFailure(askedAt: number): void {
    const { failing } = this;
    const goesOn = failing !== null && askedAt - failing.until < PATIENCE_MS;
    this.failing = { since: goesOn ? failing.since : askedAt, until: performance.now() };
  }

  private isInVain(error: unknown, isThere: boolean): boolean {
    const isRefusal = error instanceof ClusterError;
    // But for a token that was just renewed, which the next call has.
    if (isRefusal && error.status !== 401 && !this.options.cluster.mayPass(error)) return true;
    if (!isRefusal && !isThere) return false;
    return this.failing !== null && this.failing.until - this.failing.since > PATIENCE_MS;
  }

  private async readPods(seen: JobView, signal: AbortSignal): Promise<JobView> {
    const { cluster, uid } = this.options;
    const all = await cluster.listPods(`${EXECUTION_HASH_LABEL}=${executionHash(seen)}`, signal);
    const pods = all.map(slimPod).filter((pod) => isOwnedBy(pod, uid));
    const formerPods = missingFrom(pods, podsEver(seen));
    return { ...seen, pods, formerPods, nowMs: cluster.now() };
  }

  private async readEvents(view: JobView, signal: AbortSignal): Promise<readonly CoreV1Event[]> {
    const names = [view.jobName, ...podsEver(view).flatMap(({ metadata }) => metadata?.name ?? [])];
    const lists = await Promise.all(names.map((name) => this.options.cluster.listEvents(name, signal)));
    return lists.flat();
  }
}

/** As they last were: why the Job failed may be that somebody deleted its pod. */
function missingFrom(present: readonly V1Pod[], seen: readonly V1Pod[]): readonly V1Pod[] {
  const uids = new Set(present.map(({ metadata }) => metadata?.uid));
  return seen.filter(({ metadata }) => !uids.has(metadata?.uid));
}

function executionHash({ job, pods }: JobView): string {
  const labels = job?.metadata?.labels ?? pods[0]?.metadata?.labels ?? {};
  return labels[EXECUTION_HASH_LABEL] ?? "";
}
