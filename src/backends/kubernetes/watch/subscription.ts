/** Somebody who follows one Job: what is known of it, and that it has changed. */
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { pause } from "../../../async/wait.ts";
import { isOwnedBy } from "./pod-owner.ts";

/** What is known of one Job and its pods. */
export interface JobEntry {
  job: V1Job | null;
  /** By name. */
  readonly pods: Map<string, V1Pod>;
  /** Kept of what is gone, while somebody listens: its last state tells how it ended. */
  lastJob: V1Job | null;
  readonly lastPods: Map<string, V1Pod>;
  readonly listeners: Set<Subscription>;
}

export class Subscription implements Disposable {
  private readonly entry: JobEntry;
  private readonly close: () => void;
  private news = new AbortController();

  constructor(entry: JobEntry, close: () => void) {
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
