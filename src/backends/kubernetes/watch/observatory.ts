/** The two watches of a worker, whatever the number of its tasks, and the poll that does not trust them. */
import { pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Transport } from "../client/transport.ts";
import { JobStore } from "./job-store.ts";
import { Reflector } from "./reflector.ts";
import { slimJob, slimPod } from "./slim.ts";
import type { Subscription } from "./subscription.ts";

export interface ObservatoryOptions {
  readonly transport: Transport;
  readonly namespace: string;
  /** What the Jobs have in common, as a label selector. */
  readonly jobSelector: string;
  readonly podSelector: string;
  readonly log: Logger;
}

const POLL_MS = 30_000;

export class Observatory implements AsyncDisposable {
  readonly store = new JobStore();
  private readonly stop = new AbortController();
  private readonly ended: Promise<unknown>;
  private readonly log: Logger;
  private followed = 0;

  constructor({ transport, namespace, jobSelector, podSelector, log }: ObservatoryOptions) {
    this.log = log;
    const jobs = new Reflector({
      what: "jobs",
      transport,
      path: `/apis/batch/v1/namespaces/${namespace}/jobs`,
      labelSelector: jobSelector,
      slim: slimJob,
      side: this.store.jobs,
      log,
    });
    const pods = new Reflector({
      what: "pods",
      transport,
      path: `/api/v1/namespaces/${namespace}/pods`,
      labelSelector: podSelector,
      slim: slimPod,
      side: this.store.pods,
      log,
    });
    const { signal } = this.stop;
    const reflectors = [jobs, pods];
    const polls = reflectors.map((reflector) => this.poll(reflector, signal));
    this.ended = Promise.all([...reflectors.map((reflector) => reflector.run(signal)), ...polls]);
  }

  /** As long as somebody follows a Job, it is polled too. */
  follow(jobName: string): Following {
    this.followed++;
    const subscription = this.store.subscribe(jobName);
    return {
      subscription,
      [Symbol.dispose]: () => {
        this.followed--;
        subscription[Symbol.dispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.ended;
  }

  private async poll(reflector: Pollable, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(POLL_MS, signal);
      if (signal.aborted || this.followed === 0) continue;
      try {
        await reflector.poll(signal);
      } catch (error) {
        // The watch is in the same trouble and says so.
        if (!signal.aborted) this.log.debug("poll failed", { why: wordsOf(error) });
      }
    }
  }
}

export interface Following extends Disposable {
  readonly subscription: Subscription;
}

interface Pollable {
  poll(signal: AbortSignal): Promise<void>;
}
