/** Tries out at start what every task will need, so that the operator learns of what is missing there. */
import type { KubernetesSettings } from "../../../config/settings.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { BackendUnusable } from "../../../task/backend.ts";
import { isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { notAccepted, preflightPlaceOf } from "./config-place.ts";
import { dryRunJob, dryRunSecret, isMalformed } from "./dry-run.ts";
import { buildPreflightJob, PREFLIGHT_LABEL } from "./preflight-job.ts";
import { findMissingRights, type MissingRights } from "./rights.ts";
import { TRIAL_LIMITS, tryJob } from "./try-job.ts";
import { whileBusy } from "./while-busy.ts";

export interface PreflightContext {
  readonly workerId: string;
  readonly instanceId: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What the preflight learned that the tasks go by. */
export interface PreflightResult {
  /** Whether the tasks' environment goes into Secrets: `task_env_secret`, and for auto what the role allows. */
  readonly envSecrets: boolean;
  /** Whether the role allows Leases and to patch Jobs; else only the own journal's Jobs are resumed. */
  readonly leases: boolean;
}

/** Throws BackendUnusable with what was tried, the cluster's words and what to do; or the signal's reason. */
export async function runPreflight(
  cluster: Cluster,
  settings: KubernetesSettings,
  context: PreflightContext,
): Promise<PreflightResult> {
  const { log } = context;
  await reach(cluster, context);
  const missing = await tried(cluster, context, "ask what the role allows", () =>
    findMissingRights(cluster, context),
  );
  const allowed = judgeRights(missing, cluster, settings, log);
  const envSecrets = await dryRun(cluster, settings, { ...context, envSecrets: allowed.envSecrets });
  await tried(cluster, context, "run the preflight Job", () =>
    whileBusy(() => trial(cluster, settings, context), context),
  );
  log.debug("the cluster passed the preflight", { namespace: cluster.namespace });
  return { ...allowed, envSecrets };
}

async function trial(
  cluster: Cluster,
  settings: KubernetesSettings,
  { workerId, signal, log }: PreflightContext,
): Promise<void> {
  const { unschedulableTimeoutMs, useImageVolumes: toTheEnd } = settings;
  const job = buildPreflightJob({ settings, workerId, nanoseconds: nanosecondsNow() });
  try {
    await tryJob(cluster, job, { toTheEnd, unschedulableTimeoutMs, limits: TRIAL_LIMITS, signal, log });
  } catch (error) {
    throw isMalformed(error) ? notAccepted(preflightPlaceOf(error.message, settings), error) : error;
  }
}

async function reach(cluster: Cluster, context: PreflightContext): Promise<void> {
  const { signal } = context;
  try {
    await whileBusy(() => cluster.serverVersion(signal), context);
  } catch (error) {
    signal.throwIfAborted();
    const { server, origin } = cluster;
    // Somebody answered, and told apart who may ask for the version: that is all that is asked here.
    if (isStatus(error, 403)) return;
    // Or has none to tell, and is an API server all the same.
    if (isStatus(error, 404) && (await hasPods(cluster, signal))) return;
    if (isStatus(error, 401)) {
      throw new BackendUnusable(
        `The cluster at ${server} does not know the worker (${wordsOf(error)}); renew the credentials of ${origin}`,
        { cause: error },
      );
    }
    throw new BackendUnusable(
      `Cannot reach the cluster at ${server} (${origin}): ${wordsOf(error)}; check the address, the network and backend.kubernetes.kubeconfig`,
      { cause: error },
    );
  }
}

/** Whether there is such a thing as pods: whatever words a server has for a path that it does not have, it lists them. */
async function hasPods(cluster: Cluster, signal: AbortSignal): Promise<boolean> {
  const list = cluster.listPods(PREFLIGHT_LABEL, signal);
  return await list.then(
    () => true,
    (error: unknown) => isStatus(error, 403),
  );
}

function judgeRights(
  { needed, forTakingOver, forSecrets, forLostSecrets }: MissingRights,
  cluster: Cluster,
  { taskEnvSecret }: KubernetesSettings,
  log: Logger,
): PreflightResult {
  const missing = [...needed, ...(taskEnvSecret === "always" ? forSecrets : [])];
  if (missing.length > 0) {
    throw new BackendUnusable(
      `The worker's role does not allow enough in namespace "${cluster.namespace}"; grant (RBAC): ${missing.join("; ")}`,
    );
  }
  const { namespace } = cluster;
  if (forTakingOver.length > 0) {
    log.warn("the role does not allow to take over the Jobs of dead workers: only own ones are resumed", {
      namespace,
      grant: forTakingOver.join("; "),
    });
  }
  const envSecrets = taskEnvSecret !== "never" && forSecrets.length === 0;
  if (taskEnvSecret === "auto" && !envSecrets) {
    log.warn("the role does not allow to create Secrets: the tasks' variables stand readable in their Jobs", {
      namespace,
      grant: forSecrets.join("; "),
    });
  }
  if (envSecrets && forLostSecrets.length > 0) {
    log.warn(
      "the role does not allow to delete Secrets: a task whose Secret's creation gets no answer fails",
      {
        namespace,
        grant: forLostSecrets.join("; "),
      },
    );
  }
  return { envSecrets, leases: forTakingOver.length === 0 };
}

/** Resolves with whether there may be Secrets. */
async function dryRun(
  cluster: Cluster,
  settings: KubernetesSettings,
  context: PreflightContext & { readonly envSecrets: boolean },
): Promise<boolean> {
  const { workerId, instanceId, envSecrets, log } = context;
  const sample = { settings, workerId, instanceId, envSecrets, taskId: `preflight-${nanosecondsNow()}` };
  const job = await tried(cluster, context, "create Jobs", () => dryRunJob(cluster, sample, context));
  if (!envSecrets || job === null) return envSecrets;
  const why = await tried(cluster, context, "try a Secret out", () =>
    dryRunSecret(cluster, { job, sample }, context),
  );
  if (why === null) return true;
  const { namespace } = cluster;
  if (settings.taskEnvSecret === "always") {
    throw new BackendUnusable(
      `The cluster takes no Secret of the worker's in namespace "${namespace}": ${why}; see its admission policies and quotas, or set backend.kubernetes.task_env_secret to auto`,
    );
  }
  log.warn("the cluster takes no Secrets: the tasks' variables stand readable in their Jobs", {
    namespace,
    why,
  });
  return false;
}

async function tried<T>(
  cluster: Cluster,
  context: PreflightContext,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    context.signal.throwIfAborted();
    throw error instanceof BackendUnusable ? error : unusable(cluster, what, error);
  }
}

function unusable({ namespace }: Cluster, what: string, error: unknown): BackendUnusable {
  return new BackendUnusable(
    `Cannot ${what} in namespace "${namespace}": ${wordsOf(error)}; check that the namespace exists, and its RBAC, admission policies and quotas`,
    { cause: error },
  );
}

function nanosecondsNow(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}
