/** Ends a container gently, whatever the engine is doing meanwhile. */
import { Backoff } from "../../async/backoff.ts";
import { expiring, outlasting, pause } from "../../async/wait.ts";
import { LONGEST_TIMER_MS } from "../../config/duration.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { type Ended, hasEnded, wasEarlier } from "./container-end.ts";
import { type ContainerState, isAtRest } from "./engine/container-state.ts";
import type { Containers } from "./engine/containers.ts";
import { EngineGone } from "./engine/errors.ts";
import { isAway, isOutOfReach, persist } from "./persist.ts";
import type { Test, Watcher } from "./watcher.ts";

const RETRY = { firstMs: 500, lastMs: 1_000 };
/** Engines were seen to hang where they are asked how one container is, or a proxy to spoil that: both stop it all the same. */
const LOOK_FIRST_MS = 3_000;
const KILL_MS = 5_000;
/** An engine that has not answered so long after the grace is stuck: its own kill comes at the end of the grace. */
const STUCK_MS = 15_000;
const STUCK_KILL_MS = 30_000;
const LOOK_MS = 30_000;
const REST_MS = 30_000;
const HURRIED_REST_MS = 1_000;
const END_RESTARTS_MS = 30_000;
const KILL_AGAIN = { firstMs: 60_000, lastMs: 10 * 60_000 };

type Ends = Pick<Containers, "find" | "stop" | "kill">;

export interface Stop {
  readonly id: string;
  readonly graceMs: number;
  /** Fires when there is no more time. */
  readonly hurry: AbortSignal;
  /** The engine has not said that it stopped, long after the grace: it is asked to kill from now on. */
  readonly onStuck: () => void;
}

/**
 * SIGTERM, the grace, SIGKILL; when `hurry` fires, SIGKILL at once. Resolves when the engine has
 * said that it does not run: with its state where it had ended before anybody asked for that, else with null.
 * An engine that is away, or stuck, is waited for until `hurry`; then its silence (EngineGone) is thrown.
 */
export async function stopContainer(containers: Ends, stop: Stop): Promise<ContainerState | null> {
  const { id, hurry } = stop;
  const over = new AbortController();
  const end = () => over.abort();
  if (hurry.aborted) end();
  else hurry.addEventListener("abort", end, { once: true });
  try {
    const before = await lookFirst(containers, id, over.signal);
    if (before !== null && hasEnded(before)) return before;
    const ways = [ask(containers, stop, over.signal), killStuck(containers, stop, over.signal)];
    if (await Promise.race(ways)) return null;
  } finally {
    hurry.removeEventListener("abort", end);
    end();
  }
  const late = AbortSignal.timeout(KILL_MS);
  try {
    await containers.kill(id, "SIGKILL", late);
    return null;
  } catch (error) {
    if (!late.aborted && !isAway(error)) throw error;
    throw new EngineGone("The container engine did not confirm that the container was killed", {
      cause: error,
    });
  }
}

/**
 * Of one that was stopped, once it rests: its state where its end came before `stoppedAt`, in ms since 1970. A busy
 * engine says that one runs whose end it has not heard of. `hurry` as in `Stop`.
 */
export async function findEarlierEnd(
  watcher: Pick<Watcher, "until">,
  id: string,
  { stoppedAt, hurry }: { readonly stoppedAt: number; readonly hurry: AbortSignal },
): Promise<ContainerState | null> {
  using hurried = outlasting(hurry, HURRIED_REST_MS);
  using patience = expiring(hurried.signal, REST_MS);
  const resting: Test<Ended> = (state) => (isAtRest(state) ? { state } : null);
  const nobody: Ended = { state: null };
  const { state } = await watcher.until(id, resting, patience.signal).catch(() => nobody);
  if (state === null || !hasEnded(state)) return null;
  return wasEarlier(Date.parse(state.finishedAt), stoppedAt) ? state : null;
}

/**
 * Of one that somebody gave a restart policy, as by `docker update --restart` of all that runs. The task has had its
 * run, and another would do its work twice. Never throws.
 */
export async function endRestarts(
  containers: Pick<Containers, "stop">,
  { id, container }: { readonly id: string; readonly container: string },
  log: Logger,
): Promise<void> {
  log.warn("somebody gave the container a restart policy: its first end counts, and it is stopped", {
    container,
  });
  try {
    await persist((trying) => containers.stop(id, 0, trying), AbortSignal.timeout(END_RESTARTS_MS));
  } catch (error) {
    log.warn("cannot stop the container from being started again", { container, error: wordsOf(error) });
  }
}

/** Of one that the engine refuses to stop: it may have ended by itself. True as well where the engine does not tell. */
export async function mayRun(containers: Pick<Containers, "find">, id: string): Promise<boolean> {
  try {
    return !isAtRest(await containers.find(id, AbortSignal.timeout(LOOK_MS)));
  } catch {
    return true;
  }
}

/**
 * How it is before anybody asks for its end: an engine that was away tells late of one, and never whose it is once it
 * was asked. It is waited for, without the grace getting shorter. Null: nobody tells, or the signal fired.
 */
async function lookFirst(
  containers: Pick<Containers, "find">,
  id: string,
  signal: AbortSignal,
): Promise<ContainerState | null> {
  const backoff = new Backoff(RETRY);
  while (!signal.aborted) {
    using patience = expiring(signal, LOOK_FIRST_MS);
    try {
      return await containers.find(id, patience.signal);
    } catch (error) {
      if (!isOutOfReach(error)) return null;
    }
    await pause(backoff.next(), signal);
  }
  return null;
}

/** False when the signal fired first. */
async function ask(containers: Ends, { id, graceMs }: Stop, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + graceMs;
  const backoff = new Backoff(RETRY);
  while (!signal.aborted) {
    try {
      // The engine counts in whole seconds; a try that was cut has used up some of the grace.
      const seconds = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
      await containers.stop(id, seconds, signal);
      return true;
    } catch (error) {
      if (!signal.aborted && !isAway(error)) throw error;
    }
    await pause(backoff.next(), signal);
  }
  return false;
}

/** A stop may hang inside the engine for ever, and its kill with it. False when the signal fired first. */
async function killStuck(
  containers: Ends,
  { id, graceMs, onStuck }: Stop,
  signal: AbortSignal,
): Promise<boolean> {
  await pause(Math.min(graceMs + STUCK_MS, LONGEST_TIMER_MS), signal);
  if (signal.aborted) return false;
  onStuck();
  const backoff = new Backoff(KILL_AGAIN);
  while (!signal.aborted) {
    using patience = expiring(signal, STUCK_KILL_MS);
    try {
      await containers.kill(id, "SIGKILL", patience.signal);
      return true;
    } catch {
      // Stuck as well, or refused: the stop may still come through, and is waited for.
    }
    await pause(backoff.next(), signal);
  }
  return false;
}
