/** What the configuration wants of the engine, asked for at start: without it every task would fail. */
import type { DockerSettings } from "../../config/settings.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { BackendUnusable } from "../../task/backend.ts";
import type { Engine } from "./engine/engine.ts";

/** Words of the engine's own, which name no network that could be looked up. */
const MODES: readonly string[] = ["default", "bridge", "host", "none"];

/** `stop`: of the daemon; `signal`: that, or time is up. */
interface Patience {
  readonly stop: AbortSignal;
  readonly signal: AbortSignal;
}

/** Throws BackendUnusable, or the reason to stop; passes where the engine refuses to tell, and is to heed it. */
export async function requireFacilities(
  { network, defaultLimits: { vcpus }, security: { runtime } }: DockerSettings,
  engine: Engine,
  patience: Patience,
): Promise<void> {
  if (network !== null && !MODES.includes(network)) await requireNetwork(network, engine, patience);
  // Docker makes no container with more than there are. Podman does not look at that.
  if (vcpus > 0 && !engine.isPodman) await requireProcessors(vcpus, engine, patience);
  if (runtime === null) return;
  if (engine.isPodman) await requireDefaultRuntime(runtime, engine, patience);
  // One with a dot is the name of a shim, which containerd looks for when a container starts.
  else if (!runtime.includes(".")) await requireRuntime(runtime, engine, patience);
}

async function requireNetwork(network: string, engine: Engine, patience: Patience): Promise<void> {
  const { facilities, chosen } = engine;
  const hasIt = facilities.hasNetwork(network, patience.signal);
  const command = `docker network inspect ${network}`;
  if ((await answered(hasIt, { about: `the network "${network}"`, command, engine, patience })) !== false)
    return;
  throw new BackendUnusable(
    `The container engine at ${chosen.label} has no network "${network}" (network in the config file): make it with "docker network create ${network}" there, or correct the name`,
  );
}

async function requireProcessors(vcpus: number, engine: Engine, patience: Patience): Promise<void> {
  const { facilities, chosen } = engine;
  const asked = facilities.processors(patience.signal);
  const about = `the processors for "default_limits"`;
  const processors = await answered(asked, { about, command: "docker info", engine, patience });
  if (processors === null || vcpus <= processors) return;
  throw new BackendUnusable(
    `The container engine at ${chosen.label} has ${processors} processors and makes no container with ${vcpus} (default_limits.vcpus in the config file): lower that`,
  );
}

/**
 * Podman heeds no runtime in what it is asked over Docker's API: tasks that were to be isolated ran in its default one,
 * and without a word.
 */
async function requireDefaultRuntime(runtime: string, engine: Engine, patience: Patience): Promise<void> {
  const { facilities, chosen } = engine;
  const asked = facilities.defaultRuntime(patience.signal);
  const about = `the runtime "${runtime}"`;
  const standard = await answered(asked, { about, command: "podman info", engine, patience });
  if (standard === runtime) return;
  const what = standard === null ? "does not tell its own" : `has ${standard}`;
  throw new BackendUnusable(
    `The container engine at ${chosen.label} is Podman, which runs every container with its own default runtime, and ${what} for that, not "${runtime}" (security.runtime in the config file): set runtime = "${runtime}" below [engine] in its containers.conf and restart it, or leave security.runtime out`,
  );
}

async function requireRuntime(runtime: string, engine: Engine, patience: Patience): Promise<void> {
  const { facilities, chosen } = engine;
  const asked = facilities.runtimes(patience.signal);
  const about = `the runtime "${runtime}"`;
  const runtimes = await answered(asked, { about, command: "docker info", engine, patience });
  if (runtimes === null || runtimes.includes(runtime)) return;
  throw new BackendUnusable(
    `The container engine at ${chosen.label} has no runtime "${runtime}" (security.runtime in the config file), but ${runtimes.join(", ")}: add it to the engine's configuration, or choose one of these`,
  );
}

interface Question {
  readonly about: string;
  /** By which the operator can ask the same. */
  readonly command: string;
  readonly engine: Engine;
  readonly patience: Patience;
}

/** An engine that hangs, or breaks off, does so with the tasks too. */
async function answered<T>(asked: Promise<T>, { about, command, engine, patience }: Question): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    patience.stop.throwIfAborted();
    const { label, why } = engine.chosen;
    throw new BackendUnusable(
      `Cannot use the container engine at ${label} (${why}): it does not tell of ${about} of the config file: ${wordsOf(error)}; try "${command}" there, and restart the engine, or correct the proxy before it`,
      { cause: error },
    );
  }
}
