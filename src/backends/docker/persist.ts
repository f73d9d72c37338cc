/** Work on an engine that may be restarting at this moment. */

import { Backoff } from "../../async/backoff.ts";
import { pause } from "../../async/wait.ts";
import { EngineError, EngineGone, isSpoiled } from "./engine/errors.ts";

const RETRY = { firstMs: 250, lastMs: 5_000 };

/** An engine that is away for longer fails what has not begun; what runs is waited for without end. */
export const RESTART_MS = 60_000;

/**
 * Of a task whose container may run. What an engine, a plugin of it or a proxy refuses in one moment it may do in the
 * next; what it refused so often it means.
 */
export const MOST_REFUSALS = 3;
const REFUSED = { firstMs: 250, lastMs: 1_000 };

/** What a proxy in front of an engine says while that restarts. */
const AWAY: readonly number[] = [502, 503, 504];

/** The engine did not answer, or somebody else did in its place: what was asked for may have been done. */
export function isAway(error: unknown): boolean {
  if (error instanceof EngineGone || isSpoiled(error)) return true;
  return error instanceof EngineError && AWAY.includes(error.status);
}

/** Of what is away: nothing of the engine's own was heard, so what else it is asked comes to nobody either. */
export function isOutOfReach(error: unknown): boolean {
  if (error instanceof EngineGone) return error.code !== null;
  return isAway(error) && !isSpoiled(error);
}

/**
 * Tries again as long as the engine does not answer; throws its last silence `patienceMs` after the first, and not before it
 * was asked twice. A call that hung until its engine was started again says nothing of how long that takes.
 */
export async function persist<T>(
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  patienceMs = RESTART_MS,
): Promise<T> {
  let deadline: number | null = null;
  const backoff = new Backoff(RETRY);
  for (let tries = 1; ; tries++) {
    try {
      signal.throwIfAborted();
      return await work(signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      deadline ??= performance.now() + patienceMs;
      if (!isAway(error) || (tries > 1 && performance.now() >= deadline)) throw error;
      await pause(backoff.next(), signal);
    }
  }
}

/**
 * Of a task whose container may run, and of what has to go: an engine that is away is waited for without end, and one
 * refusal is not believed.
 */
export async function patiently<T>(
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const backoff = new Backoff(REFUSED);
  for (let tries = 1; ; tries++) {
    try {
      return await persist(work, signal, Number.POSITIVE_INFINITY);
    } catch (error) {
      if (!(error instanceof EngineError) || tries === MOST_REFUSALS) throw error;
    }
    await pause(backoff.next(), signal);
  }
}

/** Where something is refused there is none of it, as far as can be seen now. An engine that is away may have it. */
export function unlessRefused<T>(asked: Promise<T>, none: T): Promise<T> {
  return unless(isAnswer, asked, none);
}

/** The same where it counts that there is none: an engine in trouble (status 5xx) may have it, too. */
export function unlessForbidden<T>(asked: Promise<T>, none: T): Promise<T> {
  return unless((error) => isAnswer(error) && error.status < 500, asked, none);
}

function isAnswer(error: unknown): error is EngineError {
  return error instanceof EngineError && !isAway(error);
}

async function unless<T>(isNone: (error: unknown) => boolean, asked: Promise<T>, none: T): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (isNone(error)) return none;
    throw error;
  }
}
