/**
 * Lets a container of podman end by itself. Podman works on no more stops at a time than three for each processor and one,
 * each for as long as its grace: of 30 stubborn agents that were stopped at once on two processors 16 were killed without
 * having been told. A signal it passes on at once.
 */
import { expiring } from "../../../async/wait.ts";
import type { Calls } from "./calls.ts";
import { EngineError } from "./errors.ts";
import { fieldsOf, textOf } from "./fields.ts";

/**
 * `at`: the container's path. Resolves once it does not run, or its grace is over: what is left is a stop without any.
 * False when the engine refuses some of that, or a proxy before it, so that the stop has to have the grace. @throws
 * EngineGone, the signal's reason
 */
export async function letEnd(
  calls: Calls,
  at: string,
  graceSeconds: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const config = fieldsOf(fieldsOf(await calls.json("GET", `${at}/json`, {}, signal))["Config"]);
    const query = { signal: textOf(config, "StopSignal") || "SIGTERM" };
    await calls.json("POST", `${at}/kill`, { wordless: true, query }, signal);
    await waitFor(calls, at, graceSeconds * 1000, signal);
    return true;
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}

async function waitFor(calls: Calls, at: string, graceMs: number, signal: AbortSignal): Promise<void> {
  using patience = expiring(signal, graceMs);
  try {
    await calls.json("POST", `${at}/wait`, { limitMs: null }, patience.signal);
  } catch (error) {
    if (!patience.expired) throw error;
  }
}
