/** Work on an engine that may be restarting at this moment. */

import { Backoff } from "../../async/backoff.ts";
import { pause } from "../../async/wait.ts";
import { EngineError, EngineGone } from "./engine/errors.ts";

const RETRY = { firstMs: 250, lastMs: 5_000 };

/** An engine that is away for longer fails what has not begun; what runs is waited for without end. */
export const RESTART_MS = 60_000;

/** What a proxy in front of an engine says while that restarts. */
const AWAY: readonly number[] = [502, 503, 504];

export function isAway(error: unknown): boolean {
  return error instanceof EngineGone || (error instanceof EngineError && AWAY.includes(error.status));
}

/** Tries again as long as the engine does not answer; throws its last silence after `patienceMs`. */
export async function persist<T>(
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  patienceMs = RESTART_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  const backoff = new Backoff(RETRY);
  for (;;) {
    try {
      signal.throwIfAborted();
      return await work(signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!isAway(error) || performance.now() >= deadline) throw error;
      await pause(backoff.next(), signal);
    }
  }
}
