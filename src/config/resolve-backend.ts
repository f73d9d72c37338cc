/** The settings of the one backend that runs the tasks: flags over the file's block over the defaults. */
import { resolve } from "node:path";
import * as v from "valibot";
import { LONGEST_TIMER_MS, parseDuration, parseGoDuration } from "./duration.ts";
import { resolveEnvironment } from "./environment.ts";
import type { FlagValues } from "./flag-values.ts";
import { BACKEND_KINDS } from "./flags.ts";
import type { LoadedFile } from "./load.ts";
import type { FileConfig } from "./schema.ts";
import { commandSchema } from "./schema-command.ts";
import { directSchema } from "./schema-direct.ts";
import { dockerSchema } from "./schema-docker.ts";
import { kubernetesSchema } from "./schema-kubernetes.ts";
import type {
  BackendKind,
  BackendSettings,
  CommandSettings,
  DirectSettings,
  DockerSettings,
  KubernetesSettings,
} from "./settings.ts";
import type { Host } from "./state-dir.ts";
import { parseVolume, repeatedContainerPaths } from "./volume.ts";

export interface BackendInput {
  readonly flags: FlagValues;
  readonly file: LoadedFile;
  readonly host: Host;
  readonly cleanup: boolean;
}

const GIB = 1024 ** 3;

type Block<K extends BackendKind> = NonNullable<NonNullable<FileConfig["backend"]>[K]>;

interface BackendChoice {
  readonly kind: BackendKind;
  /** What the file configures and a flag overrides. */
  readonly unused: BackendKind | null;
  /** What the file names and does not choose, while nothing else chooses it either. */
  readonly empty: string | null;
  readonly problems: readonly string[];
}

/** Which backend, and what speaks against it. */
export function chooseBackend({ flags, file }: Pick<BackendInput, "flags" | "file">): BackendChoice {
  const inFile = BACKEND_KINDS.find((kind) => file.config.backend?.[kind] !== undefined);
  const kind: BackendKind = flags.backend ?? inFile ?? "docker";
  const unused = inFile === undefined || inFile === kind ? null : inFile;
  const chosen = flags.backend ?? inFile;
  const empty = chosen === undefined && file.emptyBackend !== kind ? file.emptyBackend : null;
  const problems: string[] = [];
  // A backend that could not be read is no ground for blaming the flags that go with it.
  if (flags.broken.has("backend") || file.isBroken("backend")) return { kind, unused, empty, problems };
  if (flags.volumes.length > 0 && kind !== "docker") problems.push(onlyFor("--volumes", "docker", kind));
  if (flags.settings.backend?.direct?.target_dir !== undefined && kind !== "direct") {
    problems.push(onlyFor("--target-dir", "direct", kind));
  }
  if (kind === "docker") {
    const volumes = [...(file.config.backend?.docker?.volumes ?? []), ...flags.volumes];
    const twice = repeatedContainerPaths(volumes);
    problems.push(...twice.map((path) => `Two volumes have the container path ${JSON.stringify(path)}`));
  }
  if (kind === "command" && inFile !== "command") {
    problems.push("The command backend needs backend.command.dispatch_command in the config file");
  }
  return { kind, unused, empty, problems };
}

function onlyFor(flag: string, kind: BackendKind, chosen: BackendKind): string {
  return `${flag} works with the ${kind} backend only, and the backend is ${chosen}; leave it out or give --backend ${kind}`;
}

/** Only for a kind without problems. */
export function resolveBackend(kind: BackendKind, input: BackendInput): BackendSettings {
  const blocks = input.file.config.backend ?? {};
  switch (kind) {
    case "direct":
      return direct({ ...blocks.direct, ...input.flags.settings.backend?.direct }, input);
    case "docker":
      return docker(blocks.docker ?? {}, input);
    case "kubernetes":
      return kubernetes(blocks.kubernetes ?? {}, input);
    case "command":
      return command(blocks.command, input);
    default:
      return kind satisfies never;
  }
}

function direct(block: Block<"direct">, { flags, host }: BackendInput): DirectSettings {
  const set = v.parse(directSchema(), block);
  const ozPath = set.oz_path ?? null;
  return {
    kind: "direct",
    workspaceRoot: resolve(host.cwd, set.workspace_root),
    targetDir: absolute(set.target_dir, host),
    // A bare name is looked up on PATH, as execvp does; a path is the operator's, not the task's.
    ozPath: ozPath?.includes("/") ? resolve(host.cwd, ozPath) : ozPath,
    setupCommand: set.setup_command ?? null,
    teardownCommand: set.teardown_command ?? null,
    logDir: absolute(set.log_dir, host),
    logMaxAgeMs: ageMs(set.log_max_age),
    minFreeBytes: set.min_free_gb * GIB,
    environment: resolveEnvironment(set.environment, flags.environment, host.env),
  };
}

function docker(block: Block<"docker">, { flags, host }: BackendInput): DockerSettings {
  const set = v.parse(dockerSchema(), block);
  return {
    kind: "docker",
    volumes: [...set.volumes, ...flags.volumes].map(parseVolume),
    environment: resolveEnvironment(set.environment, flags.environment, host.env),
    imagePullPolicy: set.image_pull_policy,
    sidecarVolumeMaxAgeMs: ageMs(set.sidecar_volume_max_age),
    minFreeBytes: set.min_free_gb * GIB,
    network: set.network ?? null,
    defaultLimits: { vcpus: set.default_limits.vcpus, memoryGb: set.default_limits.memory_gb },
    security: {
      noNewPrivileges: set.security.no_new_privileges,
      pidsLimit: set.security.pids_limit || null,
      capDrop: set.security.cap_drop,
      runtime: set.security.runtime ?? null,
    },
  };
}

function kubernetes(block: Block<"kubernetes">, { flags, host, cleanup }: BackendInput): KubernetesSettings {
  const set = v.parse(kubernetesSchema(), block);
  return {
    kind: "kubernetes",
    namespace: set.namespace,
    kubeconfig: absolute(set.kubeconfig, host),
    defaultImage: set.default_image ?? null,
    imagePullPolicy: set.image_pull_policy,
    useImageVolumes: set.use_image_volumes,
    preflightImage: set.preflight_image,
    preflightResources: set.preflight_resources,
    sidecarImage: set.sidecar_image ?? null,
    codingCliSidecars: set.coding_cli_sidecars,
    setupCommand: set.setup_command ?? null,
    teardownCommand: set.teardown_command ?? null,
    extraLabels: set.extra_labels,
    extraAnnotations: set.extra_annotations,
    activeDeadlineSeconds: set.active_deadline_seconds ?? null,
    ttlSecondsAfterFinished: cleanup ? set.ttl_seconds_after_finished : null,
    workspaceSizeLimit: set.workspace_size_limit ?? null,
    unschedulableTimeoutMs: goMs(set.unschedulable_timeout) || null,
    podTemplate: set.pod_template ?? null,
    taskEnvSecret: set.task_env_secret,
    configFile: flags.configFile,
    environment: resolveEnvironment([], flags.environment, host.env),
  };
}

function command(block: Block<"command"> | undefined, { flags, host }: BackendInput): CommandSettings {
  const set = v.parse(commandSchema(), block);
  return {
    kind: "command",
    dispatchCommand: set.dispatch_command,
    cancelCommand: set.cancel_command ?? null,
    dispatchTimeoutMs: goMs(set.dispatch_timeout),
    handedOffTtlMs: parseDuration(set.handed_off_ttl) ?? 0,
    workingDir: host.cwd,
    environment: resolveEnvironment(set.environment, flags.environment, host.env),
  };
}

function absolute(path: string | undefined, host: Host): string | null {
  return path === undefined ? null : resolve(host.cwd, path);
}

/** Null: for ever. */
function ageMs(checked: string): number | null {
  return Math.ceil(parseDuration(checked) ?? 0) || null;
}

/** A longer one than a timer can wait for is as good as the longest: nobody waits 24 days for a node. */
function goMs(checked: string): number {
  return Math.min(Math.ceil(parseGoDuration(checked) ?? 0), LONGEST_TIMER_MS);
}

/** Tasks are an engine's once they are dispatched, and what runs them there reports by itself: not to this worker. */
export function handsOver({ kind }: Pick<BackendSettings, "kind">): boolean {
  return kind === "command";
}

export interface Workplace {
  /** In which, or below which, tasks write. */
  readonly dir: string;
  /** Tasks are turned down while there is less; 0: never. */
  readonly minFreeBytes: number;
  /** By which the operator says so. */
  readonly setting: string;
}

/** Where tasks write on this host, as far as that is the worker's choice; null: somewhere else. */
export function workplaceOf(backend: BackendSettings): Workplace | null {
  return backend.kind === "direct" ? directWorkplace(backend) : null;
}

export function directWorkplace({ targetDir, workspaceRoot, minFreeBytes }: DirectSettings): Workplace {
  return { dir: targetDir ?? workspaceRoot, minFreeBytes, setting: "backend.direct.min_free_gb" };
}
