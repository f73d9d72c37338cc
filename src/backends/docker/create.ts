/** Builds the Docker backend, or says at start why it cannot run anything here. */
import { expiring } from "../../async/wait.ts";
import type { DockerSettings } from "../../config/settings.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { Room } from "../../process/room.ts";
import { BackendUnusable } from "../../task/backend.ts";
import { Disposal } from "./disposal.ts";
import { DockerBackend } from "./docker.ts";
import { shortIdOf } from "./engine/container-state.ts";
import { chooseEndpoint } from "./engine/endpoint-choice.ts";
import { Engine } from "./engine/engine.ts";
import { EndpointError, EngineError, EngineUnreachable } from "./engine/errors.ts";
import { engineRoom } from "./engine-room.ts";
import { Credentials } from "./images/credentials.ts";
import { ImagePuller } from "./images/puller.ts";
import { LABELS, type Labels } from "./labels.ts";
import { LateAnswers } from "./late-answers.ts";
import { Orphans } from "./orphans.ts";
import { Census } from "./ownership/census.ts";
import { Claims } from "./ownership/claims.ts";
import { EndedMarks } from "./ownership/ended-marks.ts";
import { LockSmith } from "./ownership/engine-lock.ts";
import { Lineage } from "./ownership/lineage.ts";
import { describeSelf, guessOwnContainer, type Owner, writeOwner } from "./ownership/owner.ts";
import { Refusals } from "./refusals.ts";
import { requireFacilities } from "./requirements.ts";
import { SharedVolumes } from "./sidecars/shared-volume.ts";
import { SidecarMounts } from "./sidecars/sidecar-mounts.ts";
import { TaskSetup } from "./task-setup.ts";
import { Upkeep } from "./upkeep.ts";
import { Watcher } from "./watcher.ts";

/** What is needed to ask an engine who it is. */
export interface MeetingDependencies {
  readonly instanceId: string;
  readonly workerEnvironment: Readonly<Record<string, string>>;
  readonly log: Logger;
  /** Fires when the daemon is asked to stop, perhaps while the engine does not answer. */
  readonly signal: AbortSignal;
  /** This process's /proc/self/mountinfo, unless told. */
  readonly mounts?: string;
}

export interface DockerDependencies extends MeetingDependencies {
  readonly workerId: string;
  readonly cleanup: boolean;
  /** True: the output of tasks that ended well is logged too, at debug. */
  readonly verbose: boolean;
  readonly graceMs: number;
}

const CONNECT_MS = 30_000;
const LIST_MS = 15_000;

/** Throws BackendUnusable with what is wrong and what to do, or the signal's reason. */
export async function createDockerBackend(
  settings: DockerSettings,
  dependencies: DockerDependencies,
): Promise<DockerBackend> {
  return assemble(settings, dependencies, await meet(settings, dependencies));
}

/** The same look, which only asks the engine. Resolves with what was found, in words. */
export async function inspectDocker(
  settings: DockerSettings,
  dependencies: MeetingDependencies,
): Promise<string> {
  await using engine = (await meet(settings, dependencies)).engine;
  await requireList(engine, dependencies.signal);
  const { chosen, version, api, platform } = engine;
  const runs = `${platform.os}/${platform.architecture || "unknown"}`;
  return `container engine at ${chosen.label} (${chosen.why}): ${version || "of no version"}, API ${api}, ${runs}`;
}

/** Podman that waits for its own locks goes on to say who it is. A proxy may keep the list for itself. */
async function requireList({ containers, chosen }: Engine, signal: AbortSignal): Promise<void> {
  using patience = expiring(signal, LIST_MS);
  try {
    await containers.list({ labels: [], all: true }, patience.signal);
  } catch (error) {
    if (error instanceof EngineError) return;
    signal.throwIfAborted();
    const why = patience.expired ? `nothing came within ${LIST_MS / 1_000} s` : wordsOf(error);
    throw new BackendUnusable(
      `Cannot use the container engine at ${chosen.label} (${chosen.why}): it says who it is, and does not list its containers: ${why}; look at its log and restart it (systemctl restart docker, or podman)`,
      { cause: error },
    );
  }
}

/** The engine, connected, who this worker is there, and how much room it has to have. */
interface Acquaintance {
  readonly engine: Engine;
  readonly self: Owner;
  readonly room: Room | null;
}

async function meet(settings: DockerSettings, dependencies: MeetingDependencies): Promise<Acquaintance> {
  const { log } = dependencies;
  using connecting = expiring(
    dependencies.signal,
    CONNECT_MS,
    () => new Error(`no answer within ${CONNECT_MS / 1_000} s`),
  );
  const engine = await connect(dependencies, connecting.signal);
  try {
    warnOfSocket(settings, engine, log);
    const { signal: stop } = dependencies;
    const patience = { stop, signal: connecting.signal };
    await requireFacilities(settings, engine, patience);
    const room = await engineRoom(settings, engine, log, patience);
    return { engine, room, self: await describe(engine, dependencies, connecting.signal) };
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

async function connect(
  { workerEnvironment, log }: MeetingDependencies,
  signal: AbortSignal,
): Promise<Engine> {
  try {
    const onNew = (now: string, before: string) =>
      log.info("container engine was exchanged, and speaks another version of its API", { api: now, before });
    const endpoint = chooseEndpoint(workerEnvironment);
    const news = { onNew, watch: new LateAnswers(log) };
    const engine = await Engine.connect(endpoint, workerEnvironment, signal, news);
    const { os, architecture } = engine.platform;
    const { chosen, api, version } = engine;
    log.info("container engine chosen", {
      engine: chosen.label,
      because: chosen.why,
      version,
      api,
      platform: `${os}/${architecture || "unknown"}`,
    });
    // One that does not say runs tasks, as far as anybody knows.
    if (os === "linux" && ["amd64", "arm64", ""].includes(architecture)) return engine;
    await engine[Symbol.asyncDispose]();
    throw new EngineUnreachable(
      `Cannot use the container engine at ${chosen.label}: it runs ${os}/${architecture}, and tasks need linux/amd64 or linux/arm64; choose another with DOCKER_HOST or DOCKER_CONTEXT`,
    );
  } catch (error) {
    if (!(error instanceof EndpointError || error instanceof EngineUnreachable)) throw error;
    throw new BackendUnusable(error.message, { cause: error });
  }
}

/** Who this worker is, as others on the engine will see it. */
async function describe(
  { containers, chosen }: Engine,
  { instanceId, mounts, signal: stop }: MeetingDependencies,
  signal: AbortSignal,
): Promise<Owner> {
  const guess = guessOwnContainer(mounts);
  if (guess === "") return describeSelf(instanceId, "");
  try {
    return describeSelf(instanceId, (await containers.find(guess, signal))?.id ?? "");
  } catch (error) {
    stop.throwIfAborted();
    const id = shortIdOf(guess);
    throw new BackendUnusable(
      `Cannot use the container engine at ${chosen.label} (${chosen.why}): it does not tell of the container ${id}, in which the worker seems to run: ${wordsOf(error)}; try "docker inspect ${id}" there, and restart the engine, or correct the proxy before it`,
      { cause: error },
    );
  }
}

function assemble(
  settings: DockerSettings,
  { workerId, cleanup, verbose, graceMs, workerEnvironment, log }: DockerDependencies,
  { engine, self, room }: Acquaintance,
): DockerBackend {
  const labels: Labels = {
    [LABELS.workerId]: workerId,
    [LABELS.instance]: self.instanceId,
    [LABELS.owner]: writeOwner(self),
  };
  const watcher = new Watcher(engine, log);
  const census = new Census(self, engine.containers);
  const { containers, images } = engine;
  const locks = new LockSmith({ containers, images, watcher, census, labels });
  const marks = new EndedMarks({ engine, workerId, labels });
  const lineage = new Lineage(engine.images);
  const claims = new Claims({ engine, locks, marks, lineage, labels, log });
  const credentials = new Credentials({ environment: workerEnvironment, log });
  const puller = new ImagePuller({ engine, credentials, policy: settings.imagePullPolicy, log });
  const shared = new SharedVolumes({ engine, locks, labels, log });
  const mounts = new SidecarMounts({ engine, puller, shared, labels });
  const ownedHere = new Set<string>();
  const disposal = new Disposal({ engine, marks, removeCopies: mounts.removeCopies.bind(mounts) });
  const own = { claims, marks, disposal, ownedHere };
  const orphans = new Orphans({ workerId, engine, census, lineage, ...own, cleanup, graceMs, log });
  const { sidecarVolumeMaxAgeMs: maxAgeMs } = settings;
  const refusals = new Refusals(log, "cannot remove a volume that nobody needs any more");
  const garbage = { engine, maxAgeMs, lastUsed: shared.lastUsed, refusals, log };
  const upkeep = new Upkeep({ orphans, disposal, garbage, log });
  return new DockerBackend({
    engine,
    setup: new TaskSetup({ settings, engine, puller, mounts, labels }),
    room,
    claims,
    disposal,
    watcher,
    upkeep,
    ownedHere,
    labels,
    cleanup,
    verbose,
    graceMs,
  });
}

/** Whoever can speak to the engine is root on its host. */
function warnOfSocket({ volumes }: DockerSettings, { chosen }: Engine, log: Logger): void {
  const sockets = ["/var/run/docker.sock", "/run/docker.sock"];
  if (chosen.endpoint.kind === "unix") sockets.push(chosen.endpoint.path);
  for (const { hostPath, spec } of volumes) {
    const folder = hostPath.endsWith("/") ? hostPath : `${hostPath}/`;
    if (!sockets.some((socket) => socket === hostPath || socket.startsWith(folder))) continue;
    log.warn("a volume gives every task the container engine's socket, and with it root on this host", {
      volume: spec,
    });
  }
}
