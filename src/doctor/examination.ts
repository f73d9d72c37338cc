/** All checks, in their order. What cannot be looked at, because something before it failed, is skipped. */
import { workplaceOf } from "../config/resolve-backend.ts";
import type { Settings } from "../config/settings.ts";
import type { Secrets } from "../logging/secrets.ts";
import { checkApiKey } from "./api-key.ts";
import { checkBackend } from "./backend.ts";
import { checkConfiguration } from "./configuration.ts";
import { checkControlPlane } from "./control-plane.ts";
import type { Finding } from "./finding.ts";
import { checkHealth } from "./health.ts";
import { checkMetrics, checkTraces } from "./metrics.ts";
import { checkStateFolder } from "./state-folder.ts";
import { checkWorkspaces } from "./workspaces.ts";

export interface Patient {
  readonly settings: Settings;
  /** As it was named; null: there is none. */
  readonly configFile: string | null;
  readonly environment: Readonly<Record<string, string>>;
  /** PEM text of `ca_file`, read and checked; null: none. */
  readonly privateCa: string | null;
  /** Learns what the checks read that no output may show. */
  readonly secrets: Secrets;
  readonly stop: AbortSignal;
}

/** Each finding as soon as it is known. Rejects with the reason of `stop` alone. */
export async function* examine(patient: Patient): AsyncGenerator<Finding> {
  const { settings, environment, configFile, secrets, stop } = patient;
  yield* checkConfiguration(settings, configFile);
  const key = await checkApiKey(settings.key, secrets);
  yield key;
  yield await checkStateFolder(settings.stateDir, settings.workerId);
  const proxyVariables = environment;
  if (key.status === "ok") yield* await checkControlPlane({ ...patient, proxyVariables });
  else yield* withoutKey();
  yield* await checkBackend({
    settings,
    workerEnvironment: environment,
    instanceId: crypto.randomUUID(),
    stop,
  });
  const workplace = workplaceOf(settings.backend);
  if (workplace !== null) yield await checkWorkspaces(workplace);
  yield* await checkMetrics(settings.telemetry, { proxyVariables, stop });
  yield* await checkTraces(settings.telemetry, { proxyVariables, stop });
  if (settings.healthAddress !== null) yield await checkHealth(settings.healthAddress);
  stop.throwIfAborted();
}

function withoutKey(): readonly Finding[] {
  const detail = "there is no key to ask with";
  return [
    { name: "control-plane", status: "skip", detail },
    { name: "delivery", status: "skip", detail },
  ];
}
