/** Asks a server again that only said that it is busy, or about to come back: no reason not to start. */
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { askAgain } from "../client/ask-again.ts";
import { ClusterError } from "../client/cluster-error.ts";

export interface BusyContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Of one call. An operator who starts a worker waits for its word. */
const PATIENCE_MS = 15_000;
const BACKOFF = { firstMs: 500, lastMs: 4_000 } as const;
/** Too many requests, and what a server that restarts says, or the balancer in front of it. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Throws what `call` threw last, or the signal's reason. */
export function whileBusy<T>(call: () => Promise<T>, { signal, log }: BusyContext): Promise<T> {
  return askAgain(call, {
    bounds: BACKOFF,
    patienceMs: PATIENCE_MS,
    mayPass: (error) => error instanceof ClusterError && BUSY.has(error.status),
    onTrouble: (error) => log.debug("the cluster is busy; trying again", { why: wordsOf(error) }),
    signal,
  });
}
