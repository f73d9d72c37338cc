/** The one place that names all backends; each is loaded only when it is the one. */
import type {
  BackendKind,
  CommandSettings,
  DirectSettings,
  DockerSettings,
  KubernetesSettings,
  Settings,
} from "../config/settings.ts";
import type { StateFolders } from "../journal/place.ts";
import type { Logger } from "../logging/logger.ts";
import { type Backend, BackendUnusable } from "../task/backend.ts";
import { builtInEnvironment, operatorEnvironment } from "../task/prepare.ts";
import { requireDirect } from "./direct/requirements.ts";

export interface BackendDependencies {
  readonly settings: Settings;
  readonly workerEnvironment: Readonly<Record<string, string>>;
  /** Names this process among all daemons of all hosts, for the marks on what it makes. */
  readonly instanceId: string;
  /** Null: no state folder. Asked when a task comes, because the folder is opened after the backend was made. */
  readonly folders: () => StateFolders | null;
  /** False while the disk fails under a journal that was on it. */
  readonly isJournalKept: () => boolean;
  /** The argv that starts a shim. */
  readonly shimCommand: readonly string[];
  readonly log: Logger;
  /** Fires when the daemon is asked to stop, perhaps while it still starts. */
  readonly stop: AbortSignal;
  /** This system's, unless told. */
  readonly platform?: string;
}

/** Does not reject: what could be wrong was looked at before. */
export type OpenBackend = () => Promise<Backend>;

/**
 * Throws BackendUnusable with what is wrong and what to do, before anything is connected. What takes nothing but
 * time is left to the function that it resolves to, for when the handshake is on its way.
 */
export async function prepareBackend(dependencies: BackendDependencies): Promise<OpenBackend> {
  const { backend } = dependencies.settings;
  mustRunOn(dependencies.platform ?? process.platform, backend.kind);
  switch (backend.kind) {
    case "direct":
      return prepareDirect(backend, dependencies);
    case "docker":
      return opened(await createDocker(backend, dependencies));
    case "command":
      return opened(await createCommand(backend, dependencies));
    case "kubernetes":
      return opened(await createKubernetes(backend, dependencies));
    default:
      return backend satisfies never;
  }
}

/** What of it looking takes, which makes no instance of the backend. */
export type InspectDependencies = Pick<
  BackendDependencies,
  "settings" | "workerEnvironment" | "instanceId" | "log" | "stop" | "platform"
>;

/**
 * The look of `prepareBackend` for whoever only wants to know, without what lasts: a workspace root is not made, a Lease
 * is not taken. Throws BackendUnusable as that does, or the reason of `stop`; resolves with what was found, in words.
 */
export async function inspectBackend(dependencies: InspectDependencies): Promise<string> {
  const { settings, workerEnvironment, instanceId, log, stop: signal, platform } = dependencies;
  const { backend, workerId } = settings;
  mustRunOn(platform ?? process.platform, backend.kind);
  switch (backend.kind) {
    case "direct": {
      const { inspectDirect } = await import("./direct/inspect.ts");
      return inspectDirect(backend, workerEnvironment["PATH"] ?? "");
    }
    case "docker": {
      const { inspectDocker } = await import("./docker/create.ts");
      return await inspectDocker(backend, { instanceId, workerEnvironment, log, signal });
    }
    case "command": {
      const { inspectCommand } = await import("./command/inspect.ts");
      return inspectCommand(backend, workerEnvironment);
    }
    case "kubernetes": {
      const { inspectKubernetes } = await import("./kubernetes/create.ts");
      return await inspectKubernetes(backend, { workerId, instanceId, workerEnvironment, log, signal });
    }
    default:
      return backend satisfies never;
  }
}

function opened(backend: Backend): OpenBackend {
  return () => Promise.resolve(backend);
}

/** Those that start programs here need process groups, signals to them, and /bin/sh. */
const WITHOUT_WINDOWS: readonly BackendKind[] = ["direct", "command"];

function mustRunOn(platform: string, kind: BackendKind): void {
  if (platform !== "win32" || !WITHOUT_WINDOWS.includes(kind)) return;
  throw new BackendUnusable(
    `The ${kind} backend does not run on Windows, which has no process groups: run the worker for Linux in WSL 2, or choose the docker or kubernetes backend`,
  );
}

function prepareDirect(backend: DirectSettings, dependencies: BackendDependencies): OpenBackend {
  const oz = requireDirect(backend, dependencies.workerEnvironment["PATH"] ?? "");
  return () => createDirect(backend, oz, dependencies);
}

async function createDirect(
  backend: DirectSettings,
  oz: string,
  dependencies: BackendDependencies,
): Promise<Backend> {
  const { createDirectBackend } = await import("./direct/create.ts");
  const { settings, workerEnvironment, folders, isJournalKept, shimCommand, log } = dependencies;
  return createDirectBackend(backend, {
    oz,
    cleanup: settings.cleanup,
    graceMs: settings.cancelGracePeriodMs,
    workerEnvironment,
    folders,
    isJournalKept,
    shimCommand,
    log,
    environmentOf: (taskId) => ({
      ...builtInEnvironment(taskId, settings.serverRootUrl),
      ...operatorEnvironment(settings),
    }),
  });
}

async function createDocker(backend: DockerSettings, dependencies: BackendDependencies): Promise<Backend> {
  const { createDockerBackend } = await import("./docker/create.ts");
  const { settings, workerEnvironment, instanceId, log, stop } = dependencies;
  return createDockerBackend(backend, {
    workerId: settings.workerId,
    instanceId,
    cleanup: settings.cleanup,
    verbose: settings.logLevel === "debug",
    graceMs: settings.cancelGracePeriodMs,
    workerEnvironment,
    log,
    signal: stop,
  });
}

async function createCommand(backend: CommandSettings, dependencies: BackendDependencies): Promise<Backend> {
  const { createCommandBackend } = await import("./command/create.ts");
  const { settings, workerEnvironment, folders, shimCommand, log } = dependencies;
  return createCommandBackend(backend, {
    workerId: settings.workerId,
    serverRootUrl: settings.serverRootUrl,
    graceMs: settings.cancelGracePeriodMs,
    workerEnvironment,
    folders,
    shimCommand,
    log,
  });
}

async function createKubernetes(
  backend: KubernetesSettings,
  dependencies: BackendDependencies,
): Promise<Backend> {
  const { createKubernetesBackend } = await import("./kubernetes/create.ts");
  const { settings, workerEnvironment, instanceId, log, stop } = dependencies;
  return createKubernetesBackend(backend, {
    workerId: settings.workerId,
    instanceId,
    cleanup: settings.cleanup,
    workerEnvironment,
    log,
    signal: stop,
  });
}
