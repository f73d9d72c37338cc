/**
 * Whose a Job is. This worker shows by its Lease that it lives, takes up the Jobs of its own journal
 * and those of dead workers, and notices when another has taken one of its own.
 */
import type { V1Job } from "@kubernetes/client-node";
import { Backoff } from "../../../async/backoff.ts";
import { pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { type Adoption, type Orphan, type RunContext, TaskFailure } from "../../../task/backend.ts";
import { askAgain } from "../client/ask-again.ts";
import { isRefusal, isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { needsEnvSecret } from "../job/env-secret.ts";
import { WORKER_HASH_LABEL } from "../job/labels.ts";
import { secretsIn } from "../job/variables.ts";
import { type JobHandle, writeHandle } from "../run/handle.ts";
import type { JobStore } from "../watch/job-store.ts";
import { slimJob } from "../watch/slim.ts";
import { ownerOf, type WorkerLease } from "./lease.ts";
import { claimPatch, instanceOf, isEnded, tellsItsEnd } from "./marks.ts";
import { Orphanage } from "./orphanage.ts";
import { isTakenIn } from "./taken-notes.ts";

export interface OwnershipOptions {
  readonly cluster: Cluster;
  readonly store: JobStore;
  readonly workerHash: string;
  /** Already acquired; null: the role does not allow Leases. */
  readonly lease: WorkerLease | null;
  /** The value of this worker's `oz-instance`. */
  readonly instance: string;
  readonly log: Logger;
}

type ReclaimContext = Pick<RunContext, "signal" | "log" | "saveHandle" | "hide">;

const BACKOFF = { firstMs: 250, lastMs: 15_000 } as const;
const RELEASE_MS = 3_000;
/** The Job runs on, and its task must not be called failed for a token that is renewed in this moment. */
const REFUSED_PATIENCE_MS = 120_000;

export class Ownership implements AsyncDisposable {
  private readonly options: OwnershipOptions;
  private readonly stop = new AbortController();
  private readonly kept: Promise<void>;

  constructor(options: OwnershipOptions) {
    this.options = options;
    this.kept = options.lease?.keep(this.stop.signal) ?? Promise.resolve();
  }

  /** Null: this worker cannot prove that it lives, so its Jobs carry no instance. */
  get instance(): string | null {
    return this.options.lease === null ? null : this.options.instance;
  }

  /**
   * The Job of a handle made this worker's, with what the server knows of it. Null: there is none;
   * `taken`: it is another worker's. Rejects with the signal's reason.
   */
  async reclaim(handle: JobHandle, context: ReclaimContext): Promise<JobHandle | "taken" | null> {
    const { cluster, store } = this.options;
    const { signal, log } = context;
    const backoff = new Backoff(BACKOFF);
    let refusedSince: number | null = null;
    for (;;) {
      try {
        signal.throwIfAborted();
        const job = await cluster.getJob(handle.job, signal);
        if (job === null || !isOf(handle, job)) return null;
        context.hide?.(secretsIn(job));
        const claimed = await this.claim(job, handle, context);
        if (claimed === null || claimed === "taken") return claimed;
        store.jobs.put(slimJob(claimed.job));
        return claimed.handle;
      } catch (error) {
        signal.throwIfAborted();
        // A conflict: its status changed since it was read.
        if (!cluster.mayPass(error) && !isStatus(error, 409)) {
          if (refusedSince === null)
            log.warn("cannot take up the Job of a task; trying again", {
              job: handle.job,
              why: wordsOf(error),
            });
          refusedSince ??= performance.now();
          if (performance.now() - refusedSince > REFUSED_PATIENCE_MS) throw notReclaimed(handle, error);
        }
        await pause(backoff.next(), signal);
      }
    }
  }

  /**
   * Whether another worker may have had this Job since then (by performance.now), finished and deleted it. Rejects with
   * the signal's reason.
   */
  async mayHaveBeenTaken({ job, uid }: JobHandle, sinceMs: number, signal: AbortSignal): Promise<boolean> {
    const { lease } = this.options;
    if (lease === null) return false;
    try {
      // Who was just cut off is the one to ask this, over a connection that may have been cut too.
      const lostAt = await this.patiently(() => lease.lostSince(signal), signal);
      return (lostAt > sinceMs && !lease.hadRefused(job, uid)) || lease.hadTaken(job, uid);
    } catch (error) {
      // A user who cancels meanwhile is told that it is cancelled, and not that its Job failed.
      signal.throwIfAborted();
      this.options.log.debug("cannot read the worker's Lease", { why: wordsOf(error) });
      return false;
    }
  }

  /**
   * Whether another worker has had this Job of an earlier one, which it was to report then. Rejects with the signal's
   * reason.
   */
  async wasTaken(handle: JobHandle, signal: AbortSignal): Promise<boolean> {
    const { cluster, workerHash, lease, log } = this.options;
    if (lease === null) return false;
    const selector = `${WORKER_HASH_LABEL}=${workerHash}`;
    try {
      const leases = await this.patiently(() => cluster.listLeases(selector, signal), signal);
      const carried = [handle.instance, handle.formerInstance];
      return leases.some((one) => carried.includes(ownerOf(one)) && isTakenIn(one, handle.job, handle.uid));
    } catch (error) {
      signal.throwIfAborted();
      log.debug("cannot read the Leases of other workers", { why: wordsOf(error) });
      return false;
    }
  }

  /** Until the signal fires. Never rejects. */
  async findOrphans(
    adopt: (orphan: Orphan) => Adoption,
    onEnded: (job: V1Job) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { cluster, store, workerHash, instance, lease, log } = this.options;
    if (lease === null) return;
    const orphanage = new Orphanage({ cluster, workerHash, instance, store, adopt, onEnded, log });
    await orphanage.watch(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { lease, store, instance, log } = this.options;
    this.stop.abort();
    await this.kept;
    if (lease === null) return;
    const left = store.allJobs().some((job) => instanceOf(job) === instance && !isEnded(job));
    try {
      await lease.release(left, AbortSignal.timeout(RELEASE_MS));
    } catch (error) {
      log.warn("cannot release the worker's Lease; it runs out by itself", { why: wordsOf(error) });
    }
  }

  private patiently<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return askAgain(call, {
      bounds: BACKOFF,
      patienceMs: REFUSED_PATIENCE_MS,
      mayPass: (error) => this.options.cluster.mayPass(error),
      onTrouble: () => {},
      signal,
    });
  }

  /** Null: it went in this very moment, as one does that is being deleted; `taken`: it is another worker's. */
  private async claim(
    job: V1Job,
    handle: JobHandle,
    { signal, log, saveHandle }: ReclaimContext,
  ): Promise<{ readonly job: V1Job; readonly handle: JobHandle } | "taken" | null> {
    const { cluster } = this.options;
    const { instance } = this;
    const owner = instanceOf(job);
    const known = {
      ...handle,
      uid: job.metadata?.uid ?? "",
      // Another worker may have made it, with the variables in the Job itself.
      ready: handle.ready || !needsEnvSecret(job),
      instance: owner ?? handle.instance,
    };
    if (owner === null || owner === instance) return { job, handle: known };
    if (owner !== handle.instance && owner !== handle.formerInstance) return "taken";
    if (instance === null) return { job, handle: known };
    const ours = { ...known, instance, formerInstance: owner };
    saveHandle(writeHandle(ours));
    try {
      const patched = await cluster.patchJob(handle.job, claimPatch(job, instance), signal);
      return patched === null ? null : { job: patched, handle: ours };
    } catch (error) {
      if (!isRefusal(error) || isStatus(error, 409) || cluster.mayPass(error)) throw error;
      // A policy guards it, against others too. As it is, its end can be seen; should another get it, that is seen as well.
      log.debug("cannot put this worker's name on its Job", { job: handle.job, why: wordsOf(error) });
      return { job, handle: known };
    }
  }
}

/** While its uid is not known, what has its name may be of an earlier run of the task, which was reported. */
function isOf({ uid }: JobHandle, job: V1Job): boolean {
  return uid === null ? !isEnded(job) || tellsItsEnd(job) : job.metadata?.uid === uid;
}

function notReclaimed({ job, namespace }: JobHandle, error: unknown): TaskFailure {
  return new TaskFailure(
    "job_watch",
    `cannot take up Job "${job}" in namespace "${namespace}", which may still run: ${wordsOf(error)}; see the worker's Role and its credentials`,
    { cause: error },
  );
}
