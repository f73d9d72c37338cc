/** Asks a server again that only said that it is busy, or about to come back: no reason not to start. */
import { Backoff } from "../../../async/backoff.ts";
import { pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
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
export async function whileBusy<T>(call: () => Promise<T>, { signal, log }: BusyContext): Promise<T> {
  const backoff = new Backoff(BACKOFF);
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      const isBusy = error instanceof ClusterError && BUSY.has(error.status);
      if (!isBusy || performance.now() >= giveUpAt) throw error;
      log.debug("the cluster is busy; trying again", { why: wordsOf(error) });
      await pause(Math.max(backoff.next(), Math.min(error.retryAfterMs ?? 0, BACKOFF.lastMs)), signal);
      signal.throwIfAborted();
    }
  }
}
