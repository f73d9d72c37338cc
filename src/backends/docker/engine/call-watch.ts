/** Who is told how long calls to the engine wait for their answers: those that take hundreds of times as long as others. */
import { HEAVY_CALL_MS } from "./limit.ts";

export interface WatchedCall {
  /** `answered`: by the engine, whatever it said; false: nobody waits any more. */
  end(answered: boolean): void;
}

export interface CallWatch {
  /** `usualMs`: longer than this it takes only where something is wrong. */
  begin(what: string, usualMs: number): WatchedCall;
}

/** For who asks the engine who it is, which has words of its own for no answer. */
export const UNWATCHED: CallWatch = { begin: () => ({ end: () => {} }) };

/** Most take milliseconds. A busy disk makes seconds of them. */
const USUAL_MS = 30_000;
/** Large images are copied on some engines' disks. */
const USUAL_HEAVY_MS = 60_000;

/** Null: nobody can say, as of a stream. `limitMs`: of the call; undefined: the usual one of a quick call. */
export function usualMsOf(limitMs: number | null | undefined): number | null {
  if (limitMs === undefined) return USUAL_MS;
  if (limitMs === null || limitMs <= USUAL_HEAVY_MS) return null;
  // A stop has its grace within.
  return limitMs === HEAVY_CALL_MS ? USUAL_HEAVY_MS : limitMs - USUAL_MS;
}
