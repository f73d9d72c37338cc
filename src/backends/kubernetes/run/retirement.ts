/**
 * What becomes of Jobs whose result is safe: those that ended well are deleted, the others stay for
 * their time to live, marked so that no worker takes them up again. In the background, until it is done.
 */
import { Backoff } from "../../../async/backoff.ts";
import { pause, within } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { isStatus } from "../client/cluster-error.ts";
import type { Cluster, MergePatch } from "../cluster.ts";
import { endedPatch, instanceOf } from "../ownership/marks.ts";
import { isFinished, PASSED_DEADLINE } from "../verdict/job-condition.ts";
import type { Observatory } from "../watch/observatory.ts";
import { slimJob } from "../watch/slim.ts";

export interface Retiree {
  readonly name: string;
  /** Empty: not known. */
  readonly uid: string;
  /**
   * `delete`; `clear`: it has ended, and is deleted; `mark`: it has ended, and stays; `settle`: its agent has ended, so it will too, unless another
   * container goes on; `end`: it has not ended, and would run on after its task was reported; `recall`: the
   * answer to its creation never came, so it may be there, and would run on too.
   */
  readonly what: "delete" | "clear" | "mark" | "settle" | "end" | "recall";
}

/** One may be of this moment: a Job that is not marked would be taken up, and reported, by another worker. */
const MOST_REFUSALS = 5;
/** A role that is bound anew, as by helm, is away for some seconds. What was to be stopped then ran on for good. */
const INSIST_FOR_MS = 120_000;
const INSIST_EVERY_MS = 10_000;
const BACKOFF = { firstMs: 500, lastMs: 30_000 } as const;
/** At the end of the worker; what is left then is found again by the next one. */
const LAST_CHANCE_MS = 3_000;
/**
 * A container's end is seen before the controller has counted its pod. A Job that is ended in between loses
 * the pod, and with it the logs that somebody may want to read.
 */
const SETTLE_MS = 15_000;

export interface RetirementOptions {
  readonly cluster: Cluster;
  readonly observatory: Observatory;
  /** Null: its Jobs cannot be told from those of others. */
  readonly ownership: { readonly instance: string | null };
  readonly log: Logger;
}

type Recorder = (work: () => Promise<void>) => Promise<void>;

export class Retirement implements AsyncDisposable {
  private readonly cluster: Cluster;
  private readonly observatory: Observatory;
  private readonly ownership: RetirementOptions["ownership"];
  private readonly log: Logger;
  /** The uids of those that are not done with. */
  private readonly leaving = new Set<string>();
  /** Names that are to be recalled. */
  private readonly recalled = new Set<string>();
  private readonly stop = new AbortController();
  /** The worker stops: what is done is done now, else another worker would report those Jobs again. */
  private readonly hurry = new AbortController();
  private readonly underway = new Set<Promise<void>>();

  constructor({ cluster, observatory, ownership, log }: RetirementOptions) {
    this.cluster = cluster;
    this.observatory = observatory;
    this.ownership = ownership;
    this.log = log;
  }

  /** `record`: as a step of the task, where that is still known. Resolves when nothing more is done or told; never rejects. */
  add(retiree: Retiree, record: Recorder = (work) => work()): Promise<void> {
    const { name, uid, what } = retiree;
    if (what === "recall") this.recalled.add(name);
    this.leaving.add(uid);
    const work: Promise<void> = record(() => this.retire(retiree))
      .catch((error: unknown) => {
        this.log.warn("cannot clean up after a task", { job: name, why: wordsOf(error) });
        return this.insist(retiree);
      })
      .finally(() => {
        this.underway.delete(work);
        this.leaving.delete(uid);
      });
    this.underway.add(work);
    return work;
  }

  /** Its result was reported, although the cluster may not show that yet. */
  isLeaving(uid: string): boolean {
    return this.leaving.has(uid);
  }

  /** Its task runs again: from now on the Job of that name is wanted. */
  spare(name: string): void {
    this.recalled.delete(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hurry.abort();
    await within(Promise.all(this.underway), LAST_CHANCE_MS, null);
    this.stop.abort();
    await Promise.all(this.underway);
  }

  private async retire(retiree: Retiree): Promise<void> {
    const { signal } = this.stop;
    const backoff = new Backoff(BACKOFF);
    let refusals = 0;
    while (!signal.aborted) {
      try {
        await this.attempt(retiree, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (await this.isReplaced(retiree, error, signal)) return;
        if (!this.cluster.mayPass(error) && ++refusals === MOST_REFUSALS) throw error;
        await pause(backoff.next(), signal);
      }
    }
  }

  /** Seldom, and without a further word. Never rejects. */
  private async insist(retiree: Retiree): Promise<void> {
    const { signal } = this.stop;
    const giveUpAt = performance.now() + INSIST_FOR_MS;
    while (!this.hurry.signal.aborted && performance.now() < giveUpAt) {
      await pause(INSIST_EVERY_MS * (1 + Math.random()), this.hurry.signal);
      try {
        await this.attempt(retiree, signal);
        return;
      } catch (error) {
        if (signal.aborted || (await this.isReplaced(retiree, error, signal))) return;
      }
    }
  }

  /**
   * Another Job has its name now, which is no business of whoever sees this one off. A deletion that names the uid of
   * another is a conflict, and a patch is invalid, as it may be for other reasons: only a look tells.
   */
  private async isReplaced({ name, uid }: Retiree, error: unknown, signal: AbortSignal): Promise<boolean> {
    if (uid === "" || !(isStatus(error, 409) || isStatus(error, 422))) return false;
    const job = await this.cluster.getJob(name, signal).catch(() => null);
    return job !== null && job.metadata?.uid !== uid;
  }

  private async attempt({ name, uid, what }: Retiree, signal: AbortSignal): Promise<void> {
    switch (what) {
      case "delete":
      case "clear":
        await this.delete(name, uid, signal);
        return;
      case "mark":
        await this.mark(name, uid, signal);
        return;
      case "settle":
        await this.settle(name, this.hurry.signal);
        if (this.observatory.store.hasFinished(name)) await this.mark(name, uid, signal);
        else await this.end(name, uid, signal);
        return;
      case "end":
        await this.end(name, uid, signal);
        return;
      case "recall":
        await this.recall(name, signal);
        return;
      default:
        what satisfies never;
    }
  }

  private async settle(name: string, signal: AbortSignal): Promise<void> {
    using following = this.observatory.follow(name);
    const { subscription } = following;
    const { store } = this.observatory;
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      subscription.look();
      const leftMs = deadline - performance.now();
      if (store.hasFinished(name) || leftMs <= 0 || signal.aborted) return;
      await subscription.changed(leftMs, signal);
    }
  }

  private async recall(name: string, signal: AbortSignal): Promise<void> {
    const job = await this.cluster.getJob(name, signal);
    const { instance } = this.ownership;
    const isOwn = job !== null && instance !== null && instanceOf(job) === instance;
    if (isOwn && this.recalled.has(name)) {
      const { uid = "" } = job.metadata ?? {};
      this.log.warn("a Job whose task could not be started is there after all; it is ended", { job: name });
      if (isFinished(job)) await this.mark(name, uid, signal);
      else await this.end(name, uid, signal);
    }
    this.recalled.delete(name);
  }

  private async end(name: string, uid: string, signal: AbortSignal): Promise<void> {
    try {
      await this.mark(name, uid, signal, PASSED_DEADLINE);
    } catch (error) {
      // Better gone than running on after its task was reported.
      if (!isStatus(error, 403)) throw error;
      await this.delete(name, uid, signal);
    }
  }

  // Both are known here at once: a worker that stops in the next moment would think that it leaves a Job
  // for others to take over, and leave its Lease as well.

  private async mark(name: string, uid: string, signal: AbortSignal, also: MergePatch = {}): Promise<void> {
    const marked = await this.cluster.patchJob(name, { ...endedPatch(uid), ...also }, signal);
    const { store } = this.observatory;
    // The watch may have shown already that it is none of those any more, and would not do so once more.
    if (marked !== null && store.job(name)?.metadata?.uid === uid) store.jobs.put(slimJob(marked));
  }

  private async delete(name: string, uid: string, signal: AbortSignal): Promise<void> {
    await this.cluster.deleteJob(name, signal, { uid });
    const { store } = this.observatory;
    const known = store.job(name);
    if (known?.metadata?.uid === uid) store.jobs.remove(known);
  }
}
