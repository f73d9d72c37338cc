/** What the configuration wants of the engine, asked for at start: without it every task would fail. */
import type { DockerSettings } from "../../config/settings.ts";
import { BackendUnusable } from "../../task/backend.ts";
import type { Engine } from "./engine/engine.ts";

/** Words of the engine's own, which name no network that could be looked up. */
const MODES: readonly string[] = ["default", "bridge", "host", "none"];

/** Throws BackendUnusable; passes where the engine does not tell. */
export async function requireFacilities(
  { network, security: { runtime } }: DockerSettings,
  { facilities, chosen }: Engine,
  signal: AbortSignal,
): Promise<void> {
  if (
    network !== null &&
    !MODES.includes(network) &&
    (await facilities.hasNetwork(network, signal)) === false
  ) {
    throw new BackendUnusable(
      `The container engine at ${chosen.label} has no network "${network}" (network in the config file): make it with "docker network create ${network}" there, or correct the name`,
    );
  }
  // One with a dot is the name of a shim, which containerd looks for when a container starts.
  if (runtime === null || runtime.includes(".")) return;
  const runtimes = await facilities.runtimes(signal);
  if (runtimes === null || runtimes.includes(runtime)) return;
  throw new BackendUnusable(
    `The container engine at ${chosen.label} has no runtime "${runtime}" (security.runtime in the config file), but ${runtimes.join(", ")}: add it to the engine's configuration, or choose one of these`,
  );
}
