/** Builds the Kubernetes backend, or says at start why it cannot run anything here. */
import type { KubernetesSettings } from "../../config/settings.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { forHelpers } from "../../process/worker-environment.ts";
import { BackendUnusable } from "../../task/backend.ts";
import { Credentials } from "./access/credentials.ts";
import { findAccess } from "./access/find-access.ts";
import { isRefusal } from "./client/cluster-error.ts";
import { Transport } from "./client/transport.ts";
import { createTypedApi } from "./client/typed-api.ts";
import { Cluster } from "./cluster.ts";
import { labelValueOf, workerHashOf } from "./job/labels.ts";
import { KubernetesBackend } from "./kubernetes.ts";
import { WorkerLease } from "./ownership/lease.ts";
import { openJobsOf, podsOf } from "./ownership/marks.ts";
import { Ownership } from "./ownership/ownership.ts";
import { runPreflight } from "./preflight/preflight.ts";
import { type BusyContext, whileBusy } from "./preflight/while-busy.ts";
import { Observatory } from "./watch/observatory.ts";

/** What is needed to try a cluster out. */
export interface TrialDependencies {
  readonly workerId: string;
  readonly instanceId: string;
  readonly workerEnvironment: Readonly<Record<string, string>>;
  readonly log: Logger;
  /** Fires when the daemon is asked to stop while it starts. */
  readonly signal: AbortSignal;
}

export interface KubernetesDependencies extends TrialDependencies {
  readonly cleanup: boolean;
}

/** Throws BackendUnusable with what was tried, the cluster's words and what to do. */
export async function createKubernetesBackend(
  settings: KubernetesSettings,
  { workerId, instanceId, cleanup, workerEnvironment, log, signal }: KubernetesDependencies,
): Promise<KubernetesBackend> {
  using started = new DisposableStack();
  const { cluster, transport } = findCluster(settings, workerEnvironment, started);
  const { envSecrets, leases } = await runPreflight(cluster, settings, { workerId, instanceId, signal, log });
  const workerHash = workerHashOf(workerId);
  const instance = labelValueOf(instanceId);
  const lease = leases
    ? await acquire(new WorkerLease({ cluster, workerHash, instance, log }), { signal, log })
    : null;
  const observatory = new Observatory({
    transport,
    namespace: settings.namespace,
    jobSelector: openJobsOf(workerHash),
    podSelector: podsOf(workerHash),
    log,
  });
  const { store } = observatory;
  const ownership = new Ownership({ cluster, store, workerHash, lease, instance, log });
  return new KubernetesBackend({
    settings,
    workerId,
    instanceId,
    cleanup,
    cluster,
    observatory,
    ownership,
    engineCalls: () => transport.callsUnderway,
    credentials: started.move(),
    envSecrets,
    log,
  });
}

/**
 * The same look, without the Lease, which would be there for a while after a process that is killed, and by which others
 * would take this one for a dead worker. The preflight's Job is deleted as at a start. Resolves with what was found, in words.
 */
export async function inspectKubernetes(
  settings: KubernetesSettings,
  { workerEnvironment, ...context }: TrialDependencies,
): Promise<string> {
  using started = new DisposableStack();
  const { cluster } = findCluster(settings, workerEnvironment, started);
  const { envSecrets } = await runPreflight(cluster, settings, context);
  const place = `namespace "${cluster.namespace}" of the cluster at ${cluster.server} (${cluster.origin})`;
  return `${place} took a preflight Job, which is deleted; tasks' variables go into ${envSecrets ? "Secrets" : "their Jobs"}`;
}

/** Nothing is asked of it yet. What `started` gets to hold, lets go of its credentials. */
function findCluster(
  { kubeconfig, namespace }: KubernetesSettings,
  workerEnvironment: TrialDependencies["workerEnvironment"],
  started: DisposableStack,
): { readonly cluster: Cluster; readonly transport: Transport } {
  const environment = forHelpers(workerEnvironment);
  const access = findAccess({ kubeconfig, environment });
  const transport = new Transport(started.use(new Credentials(access, environment)));
  const { server } = transport;
  const { origin } = access;
  return { transport, cluster: new Cluster({ api: createTypedApi(transport), namespace, server, origin }) };
}

const RELEASE_MS = 3_000;

/** Null where the cluster has none for it. */
async function acquire(lease: WorkerLease, context: BusyContext): Promise<WorkerLease | null> {
  const { signal, log } = context;
  try {
    await whileBusy(() => lease.acquire(signal), context);
    return lease;
  } catch (error) {
    signal.throwIfAborted();
    if (isRefusal(error)) {
      log.warn("the cluster takes no Lease of the worker's: only the Jobs of its own journal are resumed", {
        lease: lease.name,
        why: wordsOf(error),
      });
      return null;
    }
    // Its answer may have been all that was lost.
    await lease.release(false, AbortSignal.timeout(RELEASE_MS)).catch(() => {});
    throw new BackendUnusable(
      `Cannot create the Lease "${lease.name}" by which other workers see that this one lives: ${wordsOf(error)}`,
      { cause: error },
    );
  }
}
