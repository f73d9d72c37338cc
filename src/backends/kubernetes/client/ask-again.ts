/** Asks the API server again what may well succeed a little later, at its pace if it names one. */
import { Backoff, type BackoffBounds } from "../../../async/backoff.ts";
import { pause } from "../../../async/wait.ts";
import { ClusterError } from "./cluster-error.ts";

export interface Patience {
  readonly bounds: BackoffBounds;
  /** From the first call on. */
  readonly patienceMs: number;
  readonly mayPass: (error: unknown) => boolean;
  /** Of each failure after which it is asked again; `tries` from 1. */
  readonly onTrouble: (error: unknown, tries: number) => void;
  readonly signal: AbortSignal;
}

/** Throws what `call` threw last; the signal's reason when that fires between two calls. */
export async function askAgain<T>(
  call: () => Promise<T>,
  { bounds, patienceMs, mayPass, onTrouble, signal }: Patience,
): Promise<T> {
  const backoff = new Backoff(bounds);
  const giveUpAt = performance.now() + patienceMs;
  for (let tries = 1; ; tries++) {
    try {
      signal.throwIfAborted();
      return await call();
    } catch (error) {
      if (signal.aborted || !mayPass(error) || performance.now() > giveUpAt) throw error;
      onTrouble(error, tries);
      const askedMs = error instanceof ClusterError ? (error.retryAfterMs ?? 0) : 0;
      await pause(Math.max(backoff.next(), Math.min(askedMs, bounds.lastMs)), signal);
    }
  }
}
