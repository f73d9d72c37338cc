/** Ends a running Job the gentle way: its pods get their grace period, in which the teardown runs. */
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { Backoff } from "../../../async/backoff.ts";
import { expiring, pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { type RunContext, TaskStopped } from "../../../task/backend.ts";
import type { Cluster } from "../cluster.ts";
import { instanceOf, stoppingPatch } from "../ownership/marks.ts";
import { PASSED_DEADLINE } from "../verdict/job-condition.ts";
import type { Observatory } from "../watch/observatory.ts";
import type { JobHandle, StoppedBy } from "./handle.ts";

export interface JobToStop {
  readonly name: string;
  readonly uid: string;
  /** Whose name it may carry and be this worker's; null: nobody's. */
  readonly instances: readonly (string | null)[];
  readonly why: StoppedBy;
}

export interface StopOptions {
  readonly cluster: Cluster;
  readonly observatory: Observatory;
  /** False: the Job stays as it ended, without its pods. */
  readonly cleanup: boolean;
  readonly log: Logger;
  /** Fires when the worker has no more time. */
  readonly hurry: AbortSignal;
}

/** For an API server that is away just now; what is not done then is tried again in the background. */
const PATIENCE_MS = 60_000;
/** A policy that has to be asked about changes may hang, and about deletions it is not asked. */
const NOTE_MS = 5_000;
/** For what a worker that was held up has not read yet. */
const UNREAD_MS = 1_000;
/** On top of the pod's own grace period: the kubelet's work before and after it. */
const MARGIN_MS = 30_000;
const DEFAULT_GRACE_SECONDS = 30;
/** Within this time the cluster begins to end the pods of a Job that is gone. */
const UNOWNED_MS = 10_000;
const STILL_THERE = "the task's pod is still there after its grace period";
const BACKOFF = { firstMs: 250, lastMs: 5_000 } as const;
/** The watch tells when a pod is gone; this is for one that stands still. */
const LOOK_MS = 5_000;

/**
 * Resolves when no pod of it is left, or when that takes too long; `taken`: it is another worker's, which ends it, for it
 * was told to. Never rejects.
 */
export async function stopJob(job: JobToStop, options: StopOptions): Promise<"stopped" | "taken"> {
  const { name, uid } = job;
  const { observatory, log, hurry } = options;
  using following = observatory.follow(name);
  const { subscription } = following;
  const begun = await endJob(job, options);
  if (begun !== "ending") return begun === "taken" ? "taken" : "stopped";
  const endedAt = performance.now();
  let graceMs = 0;
  let unownedUntil = Number.POSITIVE_INFINITY;
  for (;;) {
    subscription.look();
    if (!isLeft(name, uid, options) || hurry.aborted) return "stopped";
    // A worker that was just started may be told of them only now.
    graceMs = Math.max(graceMs, longestGraceMs(observatory.store.livePods(name, uid)));
    const isUnowned = isLeftAlone(name, uid, options);
    unownedUntil = isUnowned
      ? Math.min(unownedUntil, performance.now() + UNOWNED_MS)
      : Number.POSITIVE_INFINITY;
    const leftMs = Math.min(endedAt + graceMs + MARGIN_MS, unownedUntil) - performance.now();
    if (leftMs <= 0) {
      const what = isUnowned ? "the task's Job is gone, and nobody ends its pod" : STILL_THERE;
      log.warn(what, { job: name });
      return "stopped";
    }
    await subscription.changed(Math.min(leftMs, LOOK_MS), hurry);
  }
}

/** Writes into the Job why it is being ended. Null: it is gone, or it could not be written. Never rejects. */
export async function noteStop(
  { name, uid, why }: Omit<JobToStop, "instances">,
  { cluster, log, hurry }: Pick<StopOptions, "cluster" | "log" | "hurry">,
): Promise<V1Job | null> {
  using limit = expiring(hurry, NOTE_MS);
  try {
    return await cluster.patchJob(name, stoppingPatch(uid, why), limit.signal);
  } catch (error) {
    log.debug("cannot write into the task's Job that it is being stopped", {
      job: name,
      why: wordsOf(error),
    });
    return null;
  }
}

/**
 * To whoever has taken the Job. A worker that was held up until then reads only now what came meanwhile: a cancellation
 * among that was told to nobody else, and the Job ran on.
 */
export async function passOnStop(
  { job: name, uid }: JobHandle,
  { signal, log, hurry }: Pick<RunContext, "signal" | "log" | "hurry">,
  cluster: Cluster,
): Promise<void> {
  await pause(UNREAD_MS, signal);
  if (!signal.aborted || uid === null) return;
  await noteStop({ name, uid, why: stoppedBy(signal.reason) }, { cluster, log, hurry });
}

export function stoppedBy(reason: unknown): StoppedBy {
  return reason instanceof TaskStopped && reason.why === "timeout" ? "timeout" : "cancelled";
}

/** `untold`: the API server could not be told. */
async function endJob(job: JobToStop, options: StopOptions): Promise<"ending" | "taken" | "untold"> {
  const { name, uid, instances } = job;
  const { cluster, cleanup, log, hurry } = options;
  const backoff = new Backoff(BACKOFF);
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      // First: who took it over once it was being deleted told its task as failed, as by somebody's hand.
      const noted = await noteStop(job, options);
      const owner = noted === null ? null : instanceOf(noted);
      if (owner !== null && !instances.includes(owner)) return "taken";
      // In the foreground: the Job is there as long as its pods are, so its absence tells that all is done.
      if (cleanup) await cluster.deleteJob(name, hurry, { uid, propagation: "Foreground" });
      else await cluster.patchJob(name, { metadata: { uid }, ...PASSED_DEADLINE }, hurry);
      return "ending";
    } catch (error) {
      if (hurry.aborted || !cluster.mayPass(error) || performance.now() > giveUpAt) {
        log.warn("cannot stop the task's Job", { job: name, why: wordsOf(error) });
        return "untold";
      }
      await pause(backoff.next(), hurry);
    }
  }
}

function isLeft(name: string, uid: string, { observatory, cleanup }: StopOptions): boolean {
  if (observatory.store.livePods(name, uid).length > 0) return true;
  return cleanup && observatory.store.job(name)?.metadata?.uid === uid;
}

/** Its Job is gone, and with it whatever would end its pods, or a watch has missed that they are gone, too. */
function isLeftAlone(name: string, uid: string, { observatory: { store } }: StopOptions): boolean {
  const pods = store.livePods(name, uid);
  const isGone = store.job(name)?.metadata?.uid !== uid;
  return isGone && pods.every(({ metadata }) => metadata?.deletionTimestamp === undefined);
}

function longestGraceMs(pods: readonly V1Pod[]): number {
  const seconds = pods.map(({ spec }) => spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS);
  return Math.max(DEFAULT_GRACE_SECONDS, ...seconds) * 1000;
}
