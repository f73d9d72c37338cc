/** A process that ended because somebody else than the worker asked it to. */
import { pause } from "../async/wait.ts";
import { SIGTERMED } from "./how-it-ended.ts";

/** 128 + SIGHUP, SIGINT, SIGTERM. */
const ASKED_TO_END: ReadonlySet<number> = new Set([129, 130, SIGTERMED]);
const STOP_FOLLOWS_MS = 250;

/** `status`: 128+signal for a signal. */
export function wasAskedToEnd(status: number): boolean {
  return ASKED_TO_END.has(status);
}

/**
 * Throws the signal's reason when it fires in this moment. A service manager may signal every process of the
 * service at once, and a task's be quicker than our own loop: its end is then the shutdown's, and safe to
 * retry, not a failure of its own.
 */
export async function letStopCatchUp(status: number, signal: AbortSignal): Promise<void> {
  if (!wasAskedToEnd(status)) return;
  await pause(STOP_FOLLOWS_MS, signal);
  signal.throwIfAborted();
}
