/**
 * Whether a Job that a killed worker made has all that it needs. That one may have been killed before it heard that the
 * Secret was there, and the agent has been at work since.
 */
import type { V1Secret } from "@kubernetes/client-node";
import { wordsOf } from "../../../logging/words-of.ts";
import type { RunContext } from "../../../task/backend.ts";
import { askAgain } from "../client/ask-again.ts";
import { isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { envSecretNameOf } from "../job/env-secret.ts";
import type { JobHandle } from "./handle.ts";

const BACKOFF = { firstMs: 250, lastMs: 8_000 } as const;
const PATIENCE_MS = 60_000;

/**
 * The role may create Secrets and not read them, so one is created in vain. Where that does not tell, as with a quota that
 * is used up, the agent may be at work; if not, its pod will say what it misses. Rejects with the signal's reason.
 */
export async function isPrepared(
  { job, namespace }: JobHandle,
  cluster: Cluster,
  { log, signal }: Pick<RunContext, "log" | "signal">,
): Promise<boolean> {
  const metadata = { name: envSecretNameOf(job), namespace };
  const secret: V1Secret = { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque" };
  try {
    await askAgain(() => cluster.createSecret(secret, signal, { dryRun: true }), {
      bounds: BACKOFF,
      patienceMs: PATIENCE_MS,
      mayPass: (error) => cluster.mayPass(error),
      onTrouble: () => {},
      signal,
    });
    return false;
  } catch (error) {
    signal.throwIfAborted();
    if (!isStatus(error, 409)) {
      log.debug("cannot tell whether a Job has its Secret", { job, why: wordsOf(error) });
    }
    return true;
  }
}
