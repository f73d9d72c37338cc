/** Runs the preflight Job as far as it has to come, and takes it away again. */
import type { CoreV1Event, V1Job, V1Pod } from "@kubernetes/client-node";
import { Backoff } from "../../../async/backoff.ts";
import { pause } from "../../../async/wait.ts";
import type { FailureReason } from "../../../protocol/failure-reason.ts";
import { BackendUnusable } from "../../../task/backend.ts";
import { ClusterError, isPassing, isRefusal } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { classify } from "../verdict/classify.ts";
import { isAbout } from "../verdict/event-subject.ts";
import { isSuspended } from "../verdict/job-condition.ts";
import { PREFLIGHT_LABEL } from "./preflight-job.ts";
import { type BusyContext, whileBusy } from "./while-busy.ts";

/** How long a pod may take to exist, and to end, with the pull of an image in it. */
export const TRIAL_LIMITS = { podWithinMs: 15_000, endWithinMs: 180_000 } as const;
const CLEANUP_MS = 5000;
const CLEANUP_TRIES = 4;
const CLEANUP_BACKOFF = { firstMs: 250, lastMs: 1000 } as const;
/** Nobody can watch what exists for less than a second; each look takes longer to come than the one before. */
const FIRST_LOOK_MS = 50;
const LONGEST_PAUSE_MS = 1000;

export interface TrialOptions extends BusyContext {
  /** False: its pod has to exist; true: it has to run to its end. */
  readonly toTheEnd: boolean;
  readonly unschedulableTimeoutMs: number | null;
  readonly limits: { readonly podWithinMs: number; readonly endWithinMs: number };
}

/** Throws BackendUnusable when the Job does not come far enough, or what the cluster's client throws. */
export async function tryJob(cluster: Cluster, job: V1Job, options: TrialOptions): Promise<void> {
  const { name = "" } = job.metadata ?? {};
  const created = await cluster.createJob(job, options.signal).catch(async (error: unknown) => {
    // Without a clear no it may be there all the same.
    if (!(error instanceof ClusterError) || isPassing(error)) await takeAway(cluster, name);
    throw error;
  });
  try {
    await follow(new Trial(cluster, created, options), options);
  } finally {
    await takeAway(cluster, name);
  }
}

/** Also when the start was called off, so not by its signal; what fails here again and again, the TTL does later. */
async function takeAway(cluster: Cluster, name: string): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_MS);
  const backoff = new Backoff(CLEANUP_BACKOFF);
  for (let tries = 1; tries <= CLEANUP_TRIES && !signal.aborted; tries++) {
    try {
      await cluster.deleteJob(name, signal);
      return;
    } catch {
      await pause(backoff.next(), signal);
    }
  }
}

async function follow(trial: Trial, { toTheEnd, limits, signal }: TrialOptions): Promise<void> {
  const began = performance.now();
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    await pause(pauseMs, signal);
    signal.throwIfAborted();
    const pods = await trial.pods();
    if (pods.length === 0) await trial.failWhenRefused();
    else if (!toTheEnd || (await trial.hasCompleted(pods))) return;
    const spentMs = performance.now() - began;
    const limitMs = pods.length === 0 ? limits.podWithinMs : limits.endWithinMs;
    if (spentMs <= limitMs) continue;
    if (pods.length === 0 && (await trial.isHeldBack())) return;
    throw trial.tooLate(pods.length === 0 ? "got no pod" : "did not complete", limitMs);
  }
}

class Trial {
  private readonly cluster: Cluster;
  private readonly created: V1Job;
  private readonly options: TrialOptions;
  private readonly name: string;

  constructor(cluster: Cluster, created: V1Job, options: TrialOptions) {
    this.cluster = cluster;
    this.created = created;
    this.options = options;
    this.name = created.metadata?.name ?? "";
  }

  pods(): Promise<readonly V1Pod[]> {
    const { options } = this;
    const selector = `${PREFLIGHT_LABEL}=${this.name}`;
    return whileBusy(() => this.cluster.listPods(selector, options.signal), options);
  }

  async failWhenRefused(): Promise<void> {
    const refusal = (await this.eventsOf(this.created)).find(({ reason }) => reason === "FailedCreate");
    if (refusal === undefined) return;
    throw new BackendUnusable(
      `Cannot run pods in namespace "${this.cluster.namespace}": the Job ${this.name} was accepted, but its pod was refused: ${refusal.message ?? "no reason given"}; check the admission policies and quotas of the namespace, and that the service account of backend.kubernetes.pod_template exists`,
    );
  }

  /** False: not yet. Throws when it never will. */
  async hasCompleted(pods: readonly V1Pod[]): Promise<boolean> {
    const { namespace } = this.cluster;
    const view = {
      jobName: this.name,
      namespace,
      job: await this.job(),
      pods,
      formerPods: [],
      events: null,
      nowMs: this.cluster.now(),
      readySinceMs: 0,
      unschedulableTimeoutMs: this.options.unschedulableTimeoutMs,
    };
    let verdict = classify(view);
    if (verdict.kind === "running" && verdict.needsEvents) {
      const events = (await Promise.all([this.created, ...pods].map((one) => this.eventsOf(one)))).flat();
      verdict = classify({ ...view, events });
    }
    if (verdict.kind !== "failed") return verdict.kind === "succeeded";
    throw new BackendUnusable(
      `The preflight Job failed in namespace "${namespace}": ${verdict.message}; ${adviceFor(verdict.reason)}`,
    );
  }

  /** By a queue that is full, perhaps of this worker's own tasks, which nobody would report if it did not start. */
  async isHeldBack(): Promise<boolean> {
    const { options } = this;
    const job = await this.job();
    if (job === null || !isSuspended(job)) return false;
    const { namespace } = this.cluster;
    options.log.warn("a queue holds the preflight Job back: whether pods can be made was not tried", {
      namespace,
    });
    return true;
  }

  tooLate(what: string, limitMs: number): BackendUnusable {
    return new BackendUnusable(
      `The preflight Job ${this.name} ${what} in namespace "${this.cluster.namespace}" within ${limitMs / 1000} s; check that the cluster's Job controller runs, and the namespace's RBAC, admission policies and quotas`,
    );
  }

  private job(): Promise<V1Job | null> {
    const { cluster, name, options } = this;
    return whileBusy(() => cluster.getJob(name, options.signal), options);
  }

  /** They only say sooner what the end of the time says. */
  private async eventsOf({ metadata }: V1Job | V1Pod): Promise<readonly CoreV1Event[]> {
    const { cluster, options } = this;
    const list = () => cluster.listEvents(metadata?.name ?? "", options.signal);
    const events = await whileBusy(list, options).catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      return [];
    });
    return events.filter((event) => isAbout(event, metadata));
  }
}

/** Only a Job that is tried to its end comes so far, which one with image volumes is. */
function adviceFor(reason: FailureReason): string {
  switch (reason) {
    case "image_pull":
    case "invalid_image":
      return "check that its image (backend.kubernetes.preflight_image) can be pulled there";
    case "unschedulable":
      return "check what backend.kubernetes.preflight_resources and backend.kubernetes.pod_template ask of a node";
    default:
      return "check that the cluster has image volumes (Kubernetes 1.33 or later, with a container runtime that supports them), or switch backend.kubernetes.use_image_volumes off";
  }
}
