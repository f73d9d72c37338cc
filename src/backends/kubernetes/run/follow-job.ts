/** Waits for the end of a Job, by what the watches show and what can be made of it. */
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { Backoff } from "../../../async/backoff.ts";
import { expiring, pause } from "../../../async/wait.ts";
import { LONGEST_TIMER_MS } from "../../../config/duration.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Cluster } from "../cluster.ts";
import { instanceOf, stoppingOf } from "../ownership/marks.ts";
import { classify } from "../verdict/classify.ts";
import { isAtWork } from "../verdict/containers.ts";
import { isFinished, isSuspended } from "../verdict/job-condition.ts";
import { type Failed, type JobView, podsEver } from "../verdict/view.ts";
import { slimJob } from "../watch/slim.ts";
import type { Subscription } from "../watch/subscription.ts";
import { FreshLook } from "./fresh-look.ts";
import type { StoppedBy } from "./handle.ts";
import { HeldUp } from "./held-up.ts";
import { PassingFailure } from "./passing-failure.ts";

export interface JobToFollow {
  readonly name: string;
  readonly uid: string;
  /** Whose name it may carry and be this worker's; null: nobody's. */
  readonly instances: readonly (string | null)[];
  /** When its Secret had been made at the latest, by the cluster's clock. */
  readonly readySinceMs: number;
}

export interface FollowContext {
  readonly cluster: Cluster;
  readonly subscription: Subscription;
  readonly unschedulableTimeoutMs: number | null;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

interface Following extends FollowContext {
  readonly passing: PassingFailure;
}

export type JobEnd =
  | { readonly kind: "succeeded" }
  | FailedEnd
  /** Another worker has it now. */
  | { readonly kind: "taken" }
  /** Another worker, which had it before, has begun to end it. */
  | { readonly kind: "stopping"; readonly why: StoppedBy }
  /** Somebody deleted it, and nobody saw it end. Null: its pod was seen to end well. */
  | { readonly kind: "vanished"; readonly failure: Failed | null };

export interface FailedEnd {
  readonly kind: "failed";
  readonly failure: Failed;
  readonly pods: readonly V1Pod[];
  /** An agent of this Job: it is suspended, or was, and has another pod now. */
  readonly mayBegin: boolean;
}

const BACKOFF = { firstMs: 500, lastMs: 15_000 } as const;
/** Of pods that no watch here shows: they keep the label of the worker id under which their Job was made. */
const UNWATCHED_MS = 15_000;
/** An API server that does not answer does not hold a report up. */
const CONFIRM_MS = 5_000;

/** Rejects with the signal's reason. */
export async function followJob(target: JobToFollow, context: FollowContext): Promise<JobEnd> {
  const { cluster, subscription, signal, log } = context;
  const look = new FreshLook({ uid: target.uid, cluster, log });
  const following = { ...context, passing: new PassingFailure() };
  const heldUp = new HeldUp(target.name, log);
  for (;;) {
    signal.throwIfAborted();
    subscription.look();
    const job = sameJob(subscription.job, target);
    if (job === null) {
      const end = await whenMissing(target, look, following);
      if (end !== null) return end;
      continue;
    }
    const decided = decidedElsewhere(job, target);
    if (decided !== null) return decided;
    const outcome = await judge(job, target, look, following);
    if (typeof outcome !== "number") return confirm(outcome, job, target, context);
    const heldUpMs = heldUp.look(subscription.pods(target.uid)) ?? Number.POSITIVE_INFINITY;
    await subscription.changed(Math.min(outcome, heldUpMs), signal);
  }
}

/** How it ended, or after how many ms to look again without any news. */
async function judge(
  job: V1Job,
  target: JobToFollow,
  look: FreshLook,
  context: Following,
): Promise<JobEnd | number> {
  const seen = viewOf(job, target, context);
  let view = seen;
  let verdict = classify(view);
  if (verdict.kind === "running" && verdict.needsEvents === true) {
    view = await look.take(seen, context.signal);
    verdict = classify(view);
  }
  const areUnwatched = seen.pods.length === 0 && view.pods.length > 0;
  const longestMs = areUnwatched ? UNWATCHED_MS : LONGEST_TIMER_MS;
  const doubtMs = context.passing.doubtMs(verdict);
  if (doubtMs > 0) return Math.min(doubtMs, longestMs);
  if (verdict.kind === "succeeded") return { kind: "succeeded" };
  if (verdict.kind === "failed") {
    const mayBegin = isSuspended(job) || view.pods.some(isAtWork);
    return { kind: "failed", failure: verdict, pods: podsEver(view), mayBegin };
  }
  // Of a Job that has failed there may never be any news again.
  const recheckInMs = verdict.needsEvents === true ? look.againInMs() : verdict.recheckInMs;
  return Math.min(Math.max(recheckInMs ?? longestMs, 50), longestMs);
}

/**
 * A pod that has failed may be seen before what became of its Job, by a worker that was cut off and whose watches are
 * opened again one after the other: whoever has taken that Job meanwhile reports it. Or before the Job is seen to be suspended.
 */
async function confirm(
  end: JobEnd,
  seen: V1Job,
  target: JobToFollow,
  { cluster, signal }: FollowContext,
): Promise<JobEnd> {
  if (end.kind !== "failed" || isFinished(seen)) return end;
  using limit = expiring(signal, CONFIRM_MS);
  const now = await readJob(target, cluster, limit.signal).catch(() => null);
  const job = sameJob(now, target);
  if (job === null) return end;
  return decidedElsewhere(job, target) ?? { ...end, mayBegin: end.mayBegin || isSuspended(job) };
}

/** Null: it is there after all. Asks the server, because a Job that is thought gone is reported failed. */
async function whenMissing(target: JobToFollow, look: FreshLook, context: Following): Promise<JobEnd | null> {
  const { cluster, subscription, signal, log } = context;
  const backoff = new Backoff(BACKOFF);
  const last = sameJob(subscription.lastJob, target);
  if (last !== null) {
    // What ended and was deleted in one breath shows how it ended in its last state.
    const decided = decidedElsewhere(last, target);
    if (decided !== null) return decided;
    const view = viewOf(last, target, context);
    const verdict = classify(view);
    if (verdict.kind === "succeeded") return { kind: "succeeded" };
    if (verdict.kind === "failed")
      return { kind: "failed", failure: verdict, pods: podsEver(view), mayBegin: false };
  }
  for (;;) {
    try {
      const found = sameJob(await readJob(target, cluster, signal), target);
      if (found === null) return vanished(target, last, context);
      const decided = decidedElsewhere(found, target);
      if (decided !== null) return decided;
      const outcome = await judge(found, target, look, context);
      if (typeof outcome !== "number") return outcome;
      await subscription.changed(Math.min(outcome, BACKOFF.lastMs), signal);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      if (!cluster.mayPass(error))
        log.warn("cannot read the task's Job", { job: target.name, why: wordsOf(error) });
      await pause(backoff.next(), signal);
      signal.throwIfAborted();
    }
  }
}

/** `last`: as it was when it went; null: nobody saw that. */
function vanished(target: JobToFollow, last: V1Job | null, context: FollowContext): JobEnd {
  // That it had failed says more than that it is gone, and nothing more of it can be read.
  const job = last !== null && isFinished(last) ? last : null;
  const verdict = classify({ ...viewOf(job, target, context), events: [] });
  if (verdict.kind === "succeeded") return { kind: "vanished", failure: null };
  if (verdict.kind === "failed") return { kind: "vanished", failure: verdict };
  const where = `Job "${target.name}" in namespace "${context.cluster.namespace}"`;
  const message = `${where} was deleted before it ended, and not by this worker`;
  return { kind: "vanished", failure: { kind: "failed", reason: "job_failed", message } };
}

function viewOf(
  job: V1Job | null,
  { name, uid, readySinceMs }: JobToFollow,
  { cluster, subscription, unschedulableTimeoutMs }: FollowContext,
): JobView {
  return {
    jobName: name,
    namespace: cluster.namespace,
    job,
    pods: subscription.pods(uid),
    formerPods: subscription.formerPods(uid),
    events: null,
    nowMs: cluster.now(),
    readySinceMs,
    unschedulableTimeoutMs,
  };
}

/** In the shape in which the watches show it. */
async function readJob({ name }: JobToFollow, cluster: Cluster, signal: AbortSignal): Promise<V1Job | null> {
  const job = await cluster.getJob(name, signal);
  return job === null ? null : slimJob(job);
}

function sameJob(job: V1Job | null, { uid }: JobToFollow): V1Job | null {
  return job?.metadata?.uid === uid ? job : null;
}

/** What other workers have made of it; null: nothing. */
function decidedElsewhere(job: V1Job, { instances }: JobToFollow): JobEnd | null {
  const owner = instanceOf(job);
  if (owner !== null && !instances.includes(owner)) return { kind: "taken" };
  const why = stoppingOf(job);
  return why === null ? null : { kind: "stopping", why };
}
