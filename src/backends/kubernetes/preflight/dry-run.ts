/** Asks the API server whether it would take a task, so that it is never behind with what one may hold. */
import type { V1Job, V1Secret } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { ClusterError, isRefusal } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { buildEnvSecret } from "../job/env-secret.ts";
import { readPodTemplate } from "../job/pod-template.ts";
import { configPlaceOf, notAccepted } from "./config-place.ts";
import { buildSampleJob, type SampleInput, sampleTask } from "./sample-job.ts";
import { type BusyContext, whileBusy } from "./while-busy.ts";

/**
 * The Job, as the cluster would have it; null: it does not say. Throws BackendUnusable for what it does not accept,
 * what the cluster's client throws, or the signal's reason.
 */
export async function dryRunJob(
  cluster: Cluster,
  sample: SampleInput,
  context: BusyContext,
): Promise<V1Job | null> {
  const { signal, log } = context;
  const { settings } = sample;
  const job = buildSampleJob(sample);
  try {
    const answer = await whileBusy(() => cluster.createJob(job, signal, { dryRun: true }), context);
    if (mayBeKept(answer)) await cluster.deleteJob(job.metadata?.name ?? "", signal).catch(() => {});
    return answer;
  } catch (error) {
    signal.throwIfAborted();
    if (!isMalformed(error)) throw error;
    if (isAboutDryRuns(error)) {
      log.debug("the cluster refuses dry runs: the pod template is not checked", { words: error.message });
      return null;
    }
    throw notAccepted(configPlaceOf(error.message, ownInitContainers(job, settings), settings), error);
  }
}

/**
 * Why the cluster does not take the Secret of such a Job although the role may allow it; null: it does, or does not
 * say. Throws what the cluster's client throws, or the signal's reason.
 */
export async function dryRunSecret(
  cluster: Cluster,
  { job, sample }: { readonly job: V1Job; readonly sample: SampleInput },
  context: BusyContext,
): Promise<string | null> {
  const { signal } = context;
  const secret = buildEnvSecret({ task: sampleTask(sample), job });
  try {
    const answer = await whileBusy(() => cluster.createSecret(secret, signal, { dryRun: true }), context);
    if (mayBeKept(answer)) await cluster.deleteSecret(secret.metadata?.name ?? "", signal).catch(() => {});
    return null;
  } catch (error) {
    signal.throwIfAborted();
    if (!isRefusal(error)) throw error;
    return isAboutDryRuns(error) || isUsedUp(error) ? null : wordsOf(error);
  }
}

/** A webhook may refuse every dry run; the API has no code for that. */
function isAboutDryRuns({ message }: ClusterError): boolean {
  return /dry[- ]?run/i.test(message);
}

/**
 * A quota that others, or this worker's own tasks, have used up for the moment: later there is room, and a task that finds
 * none fails with these words. One that allows no Secret at all has none in use. The API has no code for that either.
 */
function isUsedUp({ message }: ClusterError): boolean {
  return /exceeded quota: .*\bused: \S*=[1-9]/.test(message);
}

/** What was sent is not what the API takes, whoever sends it. */
export function isMalformed(error: unknown): error is ClusterError {
  return error instanceof ClusterError && (error.status === 400 || error.status === 422);
}

/**
 * A server that has never heard of dry runs does what it was only asked about. What is only tried has an id, and
 * no version, for nothing of it is written.
 */
function mayBeKept({ metadata }: V1Job | V1Secret): boolean {
  return metadata?.resourceVersion !== undefined || metadata?.uid === undefined;
}

function ownInitContainers(job: V1Job, { podTemplate }: KubernetesSettings): number {
  const all = job.spec?.template.spec?.initContainers?.length ?? 0;
  return all - readPodTemplate(podTemplate).initContainers.length;
}
