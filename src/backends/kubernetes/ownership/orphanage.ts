/**
 * Finds the Jobs of dead workers of this worker id and takes them over, each by one worker: a
 * conditional patch of the Job's label decides. Looks at start, and every few seconds as long as other
 * workers' Jobs are there.
 */
import type { V1Job, V1Lease } from "@kubernetes/client-node";
import { pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Adoption, Orphan } from "../../../task/backend.ts";
import { timeOf } from "../client/api-time.ts";
import { ClusterError, isPassing, isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { WORKER_HASH_LABEL } from "../job/labels.ts";
import { writeHandle } from "../run/handle.ts";
import { isFinished } from "../verdict/job-condition.ts";
import type { JobStore } from "../watch/job-store.ts";
import type { Subscription } from "../watch/subscription.ts";
import { goneUnfinished } from "./departure.ts";
import { KEEP_LEASE_MS, KEEP_TAKEN_MS, RENEW_MS } from "./lease.ts";
import { claimPatch, executionOf, instanceOf, isEnded, stoppingOf } from "./marks.ts";
import { Succession } from "./succession.ts";
import { hasTakenNotes, isRefusedIn } from "./taken-notes.ts";
import { VitalSigns } from "./vital-signs.ts";

export interface OrphanageOptions {
  readonly cluster: Cluster;
  readonly workerHash: string;
  readonly instance: string;
  /** All Jobs of this worker id, ours among them; as the watch shows them. */
  readonly store: Pick<JobStore, "allJobs" | "subscribe" | "whenListed">;
  readonly adopt: (orphan: Orphan) => Adoption;
  /** The result of this Job was reported before: it may go. */
  readonly onEnded: (job: V1Job) => void;
  readonly log: Logger;
}

/** Looked at without other workers' Jobs too, for Leases that nobody needs any more. */
const QUIET_LOOKS = 60;
const CLAIM_TRIES = 3;

type Claim = "ours" | "another's" | "gone" | "refused";

interface Followed {
  readonly job: V1Job;
  readonly subscription: Subscription;
}

export class Orphanage {
  private readonly options: OrphanageOptions;
  private readonly signs = new VitalSigns();
  private readonly succession: Succession;
  /** Claimed, or not: the answer to that did not come. Nobody else would ever look for one that is ours. */
  private readonly unsure = new Set<string>();
  /** Somebody else's, and refused to us, as a policy may guard them. */
  private readonly guarded = new Set<string>();
  /**
   * Ours, for nobody else any more, and not followed: another execution of its task runs here, or it has ended, and the
   * control plane is not proven to know that. As it last was, for it may go meanwhile.
   */
  private readonly waiting = new Map<string, V1Job>();

  constructor(options: OrphanageOptions) {
    this.options = options;
    this.succession = new Succession(options);
  }

  /** Until the signal fires. Never rejects. */
  async watch(signal: AbortSignal): Promise<void> {
    let failing = false;
    // Before that every worker seems to have left none, and a Lease by which one hands its Jobs over would go.
    await this.options.store.whenListed(signal);
    for (let look = 0; !signal.aborted; look++) {
      try {
        const busy = this.others().size + this.unsure.size + this.waiting.size > 0;
        if (busy || look % QUIET_LOOKS === 0) await this.look(signal);
        failing = false;
      } catch (error) {
        if (signal.aborted) return;
        const why = wordsOf(error);
        if (!failing) this.options.log.warn("cannot look for Jobs of dead workers; trying again", { why });
        failing = true;
      }
      await pause(RENEW_MS, signal);
    }
  }

  /** By instance, what other workers run or ran. */
  private others(): ReadonlyMap<string, readonly V1Job[]> {
    const { store, instance } = this.options;
    const foreign = store.allJobs().filter((job) => {
      const owner = instanceOf(job);
      const isAnothers = owner !== null && owner !== instance && this.isOfThisId(job);
      return isAnothers && !isEnded(job) && executionOf(job) !== null;
    });
    return Map.groupBy(foreign, (job) => instanceOf(job) ?? "");
  }

  /** What was asked for, in what came: nothing of another worker id is to be touched. */
  private isOfThisId({ metadata }: V1Job | V1Lease): boolean {
    return metadata?.labels?.[WORKER_HASH_LABEL] === this.options.workerHash;
  }

  private async look(signal: AbortSignal): Promise<void> {
    const { instance } = this.options;
    const leases = await this.listLeases(signal);
    for (const name of [...this.unsure, ...this.waiting.keys()]) await this.makeSure(name, signal);
    // After the Leases, so that the last Job of one that was just released is among them.
    const others = this.others();
    this.signs.observe(leases, new Set(others.keys()), performance.now());
    const theirs = new Set([...others.values()].flat().map(({ metadata }) => metadata?.name));
    for (const name of this.guarded) if (!theirs.has(name)) this.guarded.delete(name);
    for (const dead of others.keys()) {
      if (!this.signs.isDead(dead, performance.now())) continue;
      // As they are by now: those of another worker came first.
      const jobs = this.others().get(dead);
      if (jobs !== undefined) await this.succeed(dead, jobs, signal);
    }
    for (const other of this.signs.known()) {
      if (other !== instance && !others.has(other)) await this.sweep(other, signal);
    }
  }

  private async listLeases(signal: AbortSignal): Promise<readonly V1Lease[]> {
    const { cluster, workerHash } = this.options;
    const beganAt = performance.now();
    try {
      const leases = await cluster.listLeases(`${WORKER_HASH_LABEL}=${workerHash}`, signal);
      return leases.filter((lease) => this.isOfThisId(lease));
    } catch (error) {
      this.signs.sawNothing(beganAt);
      throw error;
    }
  }

  /** One that cannot be had keeps none of the others. */
  private async succeed(dead: string, jobs: readonly V1Job[], signal: AbortSignal): Promise<void> {
    // From before the note on: of what goes in between it is known how it was when it went.
    using followed = new DisposableStack();
    const theirs = jobs.map((job): Followed => {
      return { job, subscription: followed.use(this.options.store.subscribe(job.metadata?.name ?? "")) };
    });
    if (!(await this.succession.begin(dead, this.signs.leaseOf(dead), jobs, signal))) return;
    const failures: unknown[] = [];
    const gone: Followed[] = [];
    for (const one of theirs) {
      try {
        if ((await this.claimUnlessGuarded(one.job, dead, signal)) === "gone") gone.push(one);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    await this.handGone(gone, signal);
    if (failures.length > 0) throw failures[0];
  }

  private async claimUnlessGuarded(job: V1Job, dead: string, signal: AbortSignal): Promise<Claim> {
    const { name = "", uid = "" } = job.metadata ?? {};
    const lease = this.signs.leaseOf(dead);
    const wasRefused = lease !== null && isRefusedIn(lease, name, uid);
    const end = await this.claim(job, dead, signal).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      this.tellGuarded(job, error);
      return "refused" as const;
    });
    if (end === "refused" && !wasRefused) await this.succession.noteRefused(dead, job, signal);
    if (end === "ours" && wasRefused) await this.succession.noteTaken(dead, job, signal);
    return end;
  }

  /** Once of each: it may be so until its time to live is over. */
  private tellGuarded({ metadata }: V1Job, error: ClusterError): void {
    const { name: job = "" } = metadata ?? {};
    if (this.guarded.has(job)) return;
    this.guarded.add(job);
    const why = wordsOf(error);
    this.options.log.warn("cannot take over a Job of a dead worker; trying again", { job, why });
  }

  private async makeSure(name: string, signal: AbortSignal): Promise<void> {
    const { cluster, instance } = this.options;
    const job = (await cluster.getJob(name, signal)) ?? this.waiting.get(name) ?? null;
    this.unsure.delete(name);
    if (job !== null && instanceOf(job) === instance && !isEnded(job)) this.hand(job);
    else this.waiting.delete(name);
  }

  private async claim(seen: V1Job, dead: string, signal: AbortSignal): Promise<Claim> {
    const { cluster, instance } = this.options;
    const name = seen.metadata?.name ?? "";
    let job: V1Job | null = seen;
    const isTheirs = (one: V1Job) => instanceOf(one) === dead && !isEnded(one);
    for (let tries = 0; tries < CLAIM_TRIES && job !== null && isTheirs(job); tries++) {
      try {
        this.unsure.add(name);
        const claimed = await cluster.patchJob(name, claimPatch(job, instance), signal);
        this.unsure.delete(name);
        if (claimed === null) return "gone";
        this.hand(claimed);
        return "ours";
      } catch (error) {
        if (isRefusal(error)) this.unsure.delete(name);
        if (!isStatus(error, 409)) throw error;
        // Its status changed in between, or its owner did.
        job = await cluster.getJob(name, signal);
      }
    }
    return job === null ? "gone" : "another's";
  }

  /** Whoever comes back with their worker's journal leaves them to us, for what we have noted. */
  private async handGone(gone: readonly Followed[], signal: AbortSignal): Promise<void> {
    const sinceMs = performance.now();
    for (const { job, subscription } of gone) {
      const last = await goneUnfinished(job, subscription, { sinceMs, signal });
      if (last !== null && !signal.aborted) this.hand(last);
    }
  }

  private hand(job: V1Job): void {
    const { cluster, instance, adopt, onEnded, log } = this.options;
    const execution = executionOf(job);
    if (execution === null) return;
    const { name = "", uid = "", creationTimestamp } = job.metadata ?? {};
    const handle = writeHandle({
      namespace: cluster.namespace,
      job: name,
      uid,
      // Not known: if its Secret is missing, its pod will say so.
      ready: true,
      instance,
      formerInstance: null,
      stopping: stoppingOf(job),
    });
    // By this worker's clock, as all else that is compared with it; what stands in the Job is of the cluster's.
    const ageMs = creationTimestamp === undefined ? 0 : cluster.now() - creationTimestamp.getTime();
    const adoption = adopt({ ...execution, handle, claimedAt: Date.now() - ageMs });
    const waited = this.waiting.delete(name);
    if (adoption === "later" || adoption === "unproven") {
      this.waiting.set(name, job);
      if (waited) return;
    }
    log.info("Job of a dead worker taken over", { job: name, taskId: execution.taskId, adoption });
    // One that would run on does not wait for that proof either when its own worker ends it.
    if (adoption === "ended" || (adoption === "unproven" && !isFinished(job))) onEnded(job);
  }

  /** A dead worker's Lease without Jobs goes: at once when it was released, else after a long or a very long while. */
  private async sweep(instance: string, signal: AbortSignal): Promise<void> {
    const { cluster } = this.options;
    const lease = this.signs.leaseOf(instance);
    if (lease === null || !this.signs.isDead(instance, performance.now())) return;
    const released = !lease.spec?.holderIdentity;
    // Two clocks, but an hour apart.
    const age = Date.now() - (timeOf(lease.spec?.renewTime) ?? 0);
    if (!released && age < (hasTakenNotes(lease) ? KEEP_TAKEN_MS : KEEP_LEASE_MS)) return;
    await cluster.deleteLease(lease.metadata?.name ?? "", signal);
  }
}

function isRefusal(error: unknown): error is ClusterError {
  return error instanceof ClusterError && !isPassing(error);
}
