/** What is known of this worker id's Jobs and pods, and who wants to hear when it changes. */
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { firing } from "../../../async/wait.ts";
import { isOver } from "../verdict/job-condition.ts";
import { hasMarksOf, isOwnedBy, jobNameIn } from "./pod-owner.ts";
import { isNewer } from "./resource-version.ts";
import { type JobEntry, Subscription } from "./subscription.ts";

/** One side of the store that one watch fills. */
export interface Side<T> {
  /** A whole list, read at `version`: what is missing from it is gone. True: something was news. */
  replace(items: readonly T[], version: string): boolean;
  /** A whole list of another history, whose versions say nothing about what was known: only the list counts. */
  restore(items: readonly T[]): void;
  put(item: T): boolean;
  remove(item: T): void;
}

export class JobStore {
  private readonly entries = new Map<string, JobEntry>();
  private readonly listed = Promise.withResolvers<void>();

  readonly jobs: Side<V1Job> = {
    replace: (items, version) => {
      const news = replaceIn(this.jobs, this.allJobs(), items, version);
      this.listed.resolve();
      return news;
    },
    restore: (items) => {
      for (const gone of missingFrom(items, this.allJobs())) this.jobs.remove(gone);
      for (const job of items) this.keepJob(this.entry(job.metadata?.name ?? ""), job);
    },
    put: (job) => {
      const entry = this.entry(job.metadata?.name ?? "");
      // What is gone does not come back: this is an answer or a list that was late.
      if (entry.lastJob !== null && entry.lastJob.metadata?.uid === job.metadata?.uid) return false;
      if (!isNewer(job, entry.job)) return false;
      this.keepJob(entry, job);
      return true;
    },
    remove: (job) => {
      const name = job.metadata?.name ?? "";
      const entry = this.entry(name);
      // Told again after a watch was opened anew, when another of its name is there already.
      if (entry.job !== null && entry.job.metadata?.uid !== job.metadata?.uid) return;
      entry.job = null;
      if (entry.listeners.size > 0) entry.lastJob = job;
      this.tell(entry);
      this.dropIfEmpty(name, entry);
    },
  };

  readonly pods: Side<V1Pod> = {
    replace: (items, version) => replaceIn(this.pods, this.allPods(), items, version),
    restore: (items) => {
      for (const gone of missingFrom(items, this.allPods())) this.pods.remove(gone);
      for (const pod of items) this.keepPod(this.jobNameOf(pod), pod);
    },
    put: (pod) => {
      const name = this.jobNameOf(pod);
      if (name === null) return false;
      const entry = this.entry(name);
      const podName = pod.metadata?.name ?? "";
      if (!isNewer(pod, entry.pods.get(podName) ?? null)) return false;
      this.keepPod(name, pod);
      return true;
    },
    remove: (pod) => {
      const name = this.jobNameOf(pod);
      if (name === null) return;
      const entry = this.entry(name);
      const podName = pod.metadata?.name ?? "";
      entry.pods.delete(podName);
      if (entry.listeners.size > 0) entry.lastPods.set(podName, pod);
      this.tell(entry);
      this.dropIfEmpty(name, entry);
    },
  };

  /** Null: there is none (any more). */
  job(name: string): V1Job | null {
    return this.entries.get(name)?.job ?? null;
  }

  /** One that no watch shows any more, because its end was told. */
  show(job: V1Job): void {
    const entry = this.entry(job.metadata?.name ?? "");
    entry.lastJob = null;
    this.keepJob(entry, job);
  }

  /** Nothing of it runs any more, nor ever will; true of one that is not there. */
  hasFinished(name: string): boolean {
    return isOver(this.job(name));
  }

  /** Resolves when a Job that is not here is none, for all have been listed once, or when the signal fires. */
  async whenListed(signal: AbortSignal): Promise<void> {
    using stop = firing(signal);
    await Promise.race([this.listed.promise, stop.fired]);
  }

  allJobs(): readonly V1Job[] {
    return [...this.entries.values()].flatMap(({ job }) => job ?? []);
  }

  private allPods(): readonly V1Pod[] {
    return [...this.entries.values()].flatMap(({ pods }) => [...pods.values()]);
  }

  /** Null: of none that is known. */
  private jobNameOf(pod: V1Pod): string | null {
    const told = jobNameIn(pod);
    if (told !== undefined) return told;
    // Of a controller that marks nothing, the marks of the template are left. They lead to no Job that is gone already.
    const podName = pod.metadata?.name ?? "";
    for (const [name, { pods }] of this.entries) if (pods.has(podName)) return name;
    return this.allJobs().find((job) => hasMarksOf(job, pod))?.metadata?.name ?? null;
  }

  private keepJob(entry: JobEntry, job: V1Job): void {
    entry.job = job;
    this.tell(entry);
  }

  private keepPod(jobName: string | null, pod: V1Pod): void {
    if (jobName === null) return;
    const entry = this.entry(jobName);
    entry.pods.set(pod.metadata?.name ?? "", pod);
    this.tell(entry);
  }

  /** Those that are there now, of the Job with that uid. */
  livePods(name: string, uid: string): readonly V1Pod[] {
    return [...(this.entries.get(name)?.pods.values() ?? [])].filter((pod) => isOwnedBy(pod, uid));
  }

  /** Somebody who follows one Job; for them, what is gone is remembered as it last was. */
  subscribe(name: string): Subscription {
    const entry = this.entry(name);
    const subscription = new Subscription(entry, () => {
      entry.listeners.delete(subscription);
      if (entry.listeners.size > 0) return;
      entry.lastJob = null;
      entry.lastPods.clear();
      this.dropIfEmpty(name, entry);
    });
    entry.listeners.add(subscription);
    return subscription;
  }

  private entry(name: string): JobEntry {
    let entry = this.entries.get(name);
    if (entry === undefined) {
      entry = { job: null, pods: new Map(), lastJob: null, lastPods: new Map(), listeners: new Set() };
      this.entries.set(name, entry);
    }
    return entry;
  }

  private tell({ listeners }: JobEntry): void {
    for (const listener of listeners) listener.wake();
  }

  private dropIfEmpty(name: string, { job, pods, listeners }: JobEntry): void {
    if (job === null && pods.size === 0 && listeners.size === 0) this.entries.delete(name);
  }
}

function replaceIn<T extends V1Job | V1Pod>(
  side: Side<T>,
  known: readonly T[],
  items: readonly T[],
  version: string,
): boolean {
  let news = false;
  // Of what has no version nobody knows whether it is news: each poll would have taken the watch for dead.
  for (const item of items) if (side.put(item) && item.metadata?.resourceVersion) news = true;
  for (const item of missingFrom(items, known)) {
    // Made after the list was read, so it cannot be in it.
    if (isNewer(item, version)) continue;
    side.remove(item);
    news = true;
  }
  return news;
}

/** By name. */
function missingFrom<T extends V1Job | V1Pod>(items: readonly T[], known: readonly T[]): readonly T[] {
  const present = new Set(items.map(({ metadata }) => metadata?.name));
  return known.filter(({ metadata }) => !present.has(metadata?.name));
}
