/** What is known of this worker id's Jobs and pods, and who wants to hear when it changes. */
import type { V1Job, V1OwnerReference, V1Pod } from "@kubernetes/client-node";
import { firing, pause } from "../../../async/wait.ts";
import { EXECUTION_HASH_LABEL, TASK_HASH_LABEL } from "../job/labels.ts";
import { isOver } from "../verdict/job-condition.ts";
import { isNewer } from "./resource-version.ts";

/** The labels by which a Job's controller marks its pods: the present ones, and those of older clusters. */
const JOB_NAME_LABELS = ["batch.kubernetes.io/job-name", "job-name"] as const;
const JOB_UID_LABELS = ["batch.kubernetes.io/controller-uid", "controller-uid"] as const;

/** Those of its task and execution. */
const OWN_LABELS = [TASK_HASH_LABEL, EXECUTION_HASH_LABEL] as const;

interface Entry {
  job: V1Job | null;
  /** By name. */
  readonly pods: Map<string, V1Pod>;
  /** Kept of what is gone, while somebody listens: its last state tells how it ended. */
  lastJob: V1Job | null;
  readonly lastPods: Map<string, V1Pod>;
  readonly listeners: Set<Subscription>;
}

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
  private readonly entries = new Map<string, Entry>();
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
    const labelled = labelOf(pod, JOB_NAME_LABELS) ?? ownersOf(pod).find(({ kind }) => kind === "Job")?.name;
    if (labelled !== undefined) return labelled;
    // Of a controller that marks nothing, the marks of the template are left. They lead to no Job that is gone already.
    const podName = pod.metadata?.name ?? "";
    for (const [name, { pods }] of this.entries) if (pods.has(podName)) return name;
    const job = this.allJobs().find((each) => OWN_LABELS.every((label) => isSame(label, each, pod)));
    return job?.metadata?.name ?? null;
  }

  private keepJob(entry: Entry, job: V1Job): void {
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

  private entry(name: string): Entry {
    let entry = this.entries.get(name);
    if (entry === undefined) {
      entry = { job: null, pods: new Map(), lastJob: null, lastPods: new Map(), listeners: new Set() };
      this.entries.set(name, entry);
    }
    return entry;
  }

  private tell({ listeners }: Entry): void {
    for (const listener of listeners) listener.wake();
  }

  private dropIfEmpty(name: string, { job, pods, listeners }: Entry): void {
    if (job === null && pods.size === 0 && listeners.size === 0) this.entries.delete(name);
  }
}

export class Subscription implements Disposable {
  private readonly entry: Entry;
  private readonly close: () => void;
  private news = new AbortController();

  constructor(entry: Entry, close: () => void) {
    this.entry = entry;
    this.close = close;
  }

  get job(): V1Job | null {
    return this.entry.job;
  }

  /** As it was when it went; null: it is there, or nobody saw it go. */
  get lastJob(): V1Job | null {
    return this.entry.job === null ? this.entry.lastJob : null;
  }

  /** Of the Job with that uid, those that are there. */
  pods(uid: string): readonly V1Pod[] {
    return [...this.entry.pods.values()].filter((pod) => isOwnedBy(pod, uid));
  }

  /** Of the Job with that uid, those that are gone, as they last were. */
  formerPods(uid: string): readonly V1Pod[] {
    const { pods, lastPods } = this.entry;
    return [...lastPods].flatMap(([name, pod]) => (pods.has(name) || !isOwnedBy(pod, uid) ? [] : [pod]));
  }

  wake(): void {
    this.news.abort();
  }

  /** From here on, changes are news. Called before looking, so that none is missed. */
  look(): void {
    if (this.news.signal.aborted) this.news = new AbortController();
  }

  /** Resolves when something changed since `look`, after `ms`, or when the signal fires. */
  async changed(ms: number, signal: AbortSignal): Promise<void> {
    const { news } = this;
    const stop = () => news.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (!signal.aborted) await pause(ms, news.signal);
    signal.removeEventListener("abort", stop);
  }

  [Symbol.dispose](): void {
    this.close();
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

/** The Job's uid says more than its name, which a later one may have; without a word of it, the name has to do. */
export function isOwnedBy(pod: V1Pod, uid: string): boolean {
  const owners = ownersOf(pod);
  if (owners.length > 0) return owners.some((owner) => (owner.uid ?? "") === uid);
  return (labelOf(pod, JOB_UID_LABELS) ?? uid) === uid;
}

function ownersOf({ metadata }: V1Pod): readonly V1OwnerReference[] {
  return metadata?.ownerReferences ?? [];
}

function labelOf({ metadata }: V1Pod, names: readonly string[]): string | undefined {
  return names.map((name) => metadata?.labels?.[name]).find((value) => value !== undefined);
}

function isSame(label: string, one: V1Job, other: V1Pod): boolean {
  const value = one.metadata?.labels?.[label];
  return value !== undefined && value === other.metadata?.labels?.[label];
}
