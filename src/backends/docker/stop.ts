/** Ends a container gently, whatever the engine is doing meanwhile. */
import { pause } from "../../async/wait.ts";
import type { Containers } from "./engine/containers.ts";
import { EngineGone } from "./engine/errors.ts";
import { isAway } from "./persist.ts";

const RETRY_MS = 500;
const KILL_MS = 5_000;

/**
 * SIGTERM, the grace, SIGKILL; when `hurry` fires, SIGKILL at once. Resolves when the engine has
 * said that it does not run. An engine that is away is waited for until `hurry`; then its silence
 * (EngineGone) is thrown.
 */
export async function stopContainer(
  containers: Pick<Containers, "stop" | "kill">,
  id: string,
  graceMs: number,
  hurry: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + graceMs;
  while (!hurry.aborted) {
    // The engine counts in whole seconds; a try that was cut has used up some of the grace.
    const seconds = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
    try {
      await containers.stop(id, seconds, hurry);
      return;
    } catch (error) {
      if (!hurry.aborted && !isAway(error)) throw error;
    }
    await pause(RETRY_MS, hurry);
  }
  const late = AbortSignal.timeout(KILL_MS);
  try {
    await containers.kill(id, "SIGKILL", late);
  } catch (error) {
    if (!late.aborted && !isAway(error)) throw error;
    throw new EngineGone("The container engine did not confirm that the container was killed", {
      cause: error,
    });
  }
}
