/**
 * A worker's proof that it lives: a Lease that it renews. Whoever sees one that is not renewed for its
 * whole duration may take the worker's Jobs over, and writes its own name into the Lease first.
 */
import type { V1Job, V1Lease } from "@kubernetes/client-node";
import { expiring, pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { ClusterGone, isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { INSTANCE_LABEL, WORKER_HASH_LABEL } from "../job/labels.ts";
import { isRefusedIn, isTakenIn, takenNotes } from "./taken-notes.ts";

export const LEASE_SECONDS = 40;
export const RENEW_MS = 10_000;
/** The Lease of a dead worker is kept so long, if nobody took Jobs of its. */
export const KEEP_LEASE_MS = 3_600_000;
/**
 * And so long, if another did: one that lives after all, or is started again with the journal of a dead one,
 * learns there which ones are no business of its any more.
 */
export const KEEP_TAKEN_MS = 86_400_000;
/** After a renewal that failed. */
const RETRY_MS = 3_000;
/**
 * A dead connection gives no answer where another may: a second try fits into the duration. A busy server lets no call
 * wait for so long (API Priority and Fairness).
 */
const NO_ANSWER_MS = 15_000;

export interface LeaseOptions {
  readonly cluster: Cluster;
  readonly workerHash: string;
  readonly instance: string;
  readonly log: Logger;
}

export class WorkerLease {
  readonly name: string;
  private readonly options: LeaseOptions;
  private lastLostAt = Number.NEGATIVE_INFINITY;
  /** As the server last had it. */
  private last: V1Lease | null = null;
  /** By a clock that only goes forward, and by the wall's, which does not stop while the machine sleeps. */
  private renewedAt = { steady: performance.now(), wall: Date.now() };

  constructor(options: LeaseOptions) {
    this.options = options;
    this.name = leaseNameOf(options.workerHash, options.instance);
  }

  /** Before the first Job: nobody may find one without a Lease to it. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { cluster, workerHash, instance } = this.options;
    try {
      await cluster.createLease(leaseOf(workerHash, instance, instance), signal);
    } catch (error) {
      // A create whose answer was lost.
      if (!isStatus(error, 409)) throw error;
    }
    this.renewed();
  }

  /** Until the signal fires. Never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    let failing = false;
    while (!signal.aborted) {
      await pause(failing ? RETRY_MS : RENEW_MS, signal);
      if (signal.aborted) return;
      try {
        using answer = expiring(signal, NO_ANSWER_MS, noAnswer);
        await this.renew(answer.signal);
        failing = false;
      } catch (error) {
        if (signal.aborted) return;
        if (!failing) this.options.log.warn("cannot renew the worker's Lease", this.fieldsOf(error));
        failing = true;
      }
    }
  }

  /**
   * When (by performance.now) it was last seen that another worker held this one for dead: since then
   * a Job from before may have been taken over and finished elsewhere. Asks the server.
   */
  async lostSince(signal: AbortSignal): Promise<number> {
    await this.renew(signal);
    return this.lastLostAt;
  }

  /** Whether another worker was given what this one ran in that Job, when it was last renewed. */
  hadTaken(job: string, uid: string | null): boolean {
    return this.last !== null && isTakenIn(this.last, job, uid);
  }

  /** Whether the one that held this worker for dead was refused that Job. */
  hadRefused(job: string, uid: string | null): boolean {
    return this.last !== null && isRefusedIn(this.last, job, uid);
  }

  /** At the end. With Jobs left, it says that anybody may take them at once; else it goes. */
  async release(jobsLeft: boolean, signal: AbortSignal): Promise<void> {
    const { cluster } = this.options;
    if (jobsLeft) await cluster.patchLease(this.name, { spec: { holderIdentity: "" } }, signal);
    else await cluster.deleteLease(this.name, signal);
  }

  private async renew(signal: AbortSignal): Promise<void> {
    const { cluster, instance, log } = this.options;
    const lease = await cluster.patchLease(this.name, { spec: { renewTime: microTime() } }, signal);
    this.last = lease;
    const holder = lease?.spec?.holderIdentity ?? null;
    if (holder === instance) return this.renewed();
    // Whoever takes a worker's Jobs writes his name into its Lease and keeps that: so nobody has this one's.
    if (lease === null && this.silentMs() < KEEP_TAKEN_MS) {
      log.warn("somebody deleted the worker's Lease; it is made again", { lease: this.name });
    } else {
      this.lastLostAt = performance.now();
      log.warn("another worker took this one for dead, because its Lease was not renewed in time", {
        lease: this.name,
      });
    }
    if (lease === null) return await this.acquire(signal);
    await cluster.patchLease(this.name, { spec: { holderIdentity: instance } }, signal);
    this.renewed();
  }

  private renewed(): void {
    this.renewedAt = { steady: performance.now(), wall: Date.now() };
  }

  private silentMs(): number {
    return Math.max(performance.now() - this.renewedAt.steady, Date.now() - this.renewedAt.wall);
  }

  private fieldsOf(error: unknown) {
    return { lease: this.name, why: wordsOf(error) };
  }
}

function noAnswer(): ClusterGone {
  return new ClusterGone(`no answer within ${NO_ANSWER_MS / 1000} s`);
}

/** Of the worker `instance`, whose Jobs are its `holder`'s; `taken` of it. */
export function leaseOf(
  workerHash: string,
  instance: string,
  holder: string,
  taken: readonly V1Job[] = [],
): V1Lease {
  const now = microTime();
  const lease: unknown = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: leaseNameOf(workerHash, instance),
      labels: { [WORKER_HASH_LABEL]: workerHash, [INSTANCE_LABEL]: instance },
      ...(taken.length > 0 ? { annotations: takenNotes(taken) } : {}),
    },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: now,
      renewTime: now,
    },
  };
  return lease as V1Lease;
}

/** The `oz-instance` of the worker that it is about. */
export function ownerOf({ metadata }: V1Lease): string {
  return metadata?.labels?.[INSTANCE_LABEL] ?? "";
}

export function leaseNameOf(workerHash: string, instance: string): string {
  return `oz-worker-${workerHash}-${instance.slice(0, 8)}`;
}

/** As the API wants its MicroTime: with six digits of a second. */
export function microTime(date = new Date()): string {
  return date.toISOString().replace(/(\.\d{3})Z$/, "$1000Z");
}
