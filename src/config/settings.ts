/**
 * What the daemon was told to do, in one readonly value: flags over the file over the defaults.
 */
import type { LogFormat, LogLevel } from "../logging/logger.ts";
import type { KeySource } from "./key-source.ts";
import type { TelemetrySettings } from "./telemetry.ts";

/** A variable for the tasks, value resolved (a bare name took the worker's own value at start). */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

export interface Settings {
  readonly workerId: string;
  readonly key: KeySource;
  readonly backend: BackendSettings;
  /** The one that the file configures and --backend overrides; null: none. */
  readonly unusedBackend: BackendKind | null;
  /** One that the file names without a block, which leaves the choice to the default; null: none. */
  readonly emptyBackend: string | null;
  /** False: containers, Jobs and workspaces stay. */
  readonly cleanup: boolean;
  /** 0: no limit. */
  readonly maxConcurrentTasks: number;
  /** 0: no limit. */
  readonly maxTasks: number;
  /** 0: it stays. */
  readonly exitAfterIdleMs: number;
  /** As the operator wrote it, checked; null: the agent's own default holds. */
  readonly idleOnComplete: string | null;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** The folder of all workers on this host; each worker id has its own below it. */
  readonly stateDir: string;
  readonly cancelGracePeriodMs: number;
  /** 0: a stop stops the tasks at once. */
  readonly drainTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  /** Null: a task may take as long as it wants. */
  readonly maxTaskDurationMs: number | null;
  /** A private CA in PEM, trusted beside the system's. */
  readonly caFile: string | null;
  readonly telemetry: TelemetrySettings;
  /** Where health is told; null: nowhere. */
  readonly healthAddress: ListenAddress | null;
  readonly webSocketUrl: string;
  readonly serverRootUrl: string;
  readonly sessionSharingServerUrl: string | null;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export type BackendSettings = DirectSettings | DockerSettings | KubernetesSettings | CommandSettings;
export type BackendKind = BackendSettings["kind"];

export interface DirectSettings {
  readonly kind: "direct";
  readonly workspaceRoot: string;
  readonly targetDir: string | null;
  /** Null: `oz` on PATH. */
  readonly ozPath: string | null;
  readonly setupCommand: string | null;
  readonly teardownCommand: string | null;
  /** Null: tasks write to the worker's own output. */
  readonly logDir: string | null;
  /** Null: what is kept of a task's output stays for ever. */
  readonly logMaxAgeMs: number | null;
  /** Tasks are turned down while there is less; 0: never. */
  readonly minFreeBytes: number;
  /** The file's entries, then the flags'; a later name wins. */
  readonly environment: readonly EnvironmentVariable[];
}

export interface VolumeMount {
  /** As the operator wrote it, which is also how the engine takes it. */
  readonly spec: string;
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
}

export const ENGINE_PULL_POLICIES = ["always", "if-not-present", "never"] as const;
export type EnginePullPolicy = (typeof ENGINE_PULL_POLICIES)[number];

export interface ContainerSecurity {
  readonly noNewPrivileges: boolean;
  /** Null: the engine's own limit, if it has one. */
  readonly pidsLimit: number | null;
  /** Capabilities as the engine names them, `ALL` among them. */
  readonly capDrop: readonly string[];
  /** As the engine names it: runsc, kata; null: the engine's default. */
  readonly runtime: string | null;
}

export interface ContainerLimits {
  /** Processors, parts of one included; 0: no limit. */
  readonly vcpus: number;
  /** GiB of memory, without swap; 0: no limit. */
  readonly memoryGb: number;
}

export interface DockerSettings {
  readonly kind: "docker";
  /** The file's entries, then the flags'. */
  readonly volumes: readonly VolumeMount[];
  readonly environment: readonly EnvironmentVariable[];
  /** Of task images and of sidecar images. */
  readonly imagePullPolicy: EnginePullPolicy;
  /** Null: sidecar volumes stay for ever. */
  readonly sidecarVolumeMaxAgeMs: number | null;
  /** Tasks are turned down while there is less where the engine keeps its containers; 0: never. */
  readonly minFreeBytes: number;
  /** Null: the engine's default. */
  readonly network: string | null;
  /** Of tasks whose assignment sets none, each by itself. */
  readonly defaultLimits: ContainerLimits;
  readonly security: ContainerSecurity;
}

export const IMAGE_PULL_POLICIES = ["Always", "Never", "IfNotPresent"] as const;
export type ImagePullPolicy = (typeof IMAGE_PULL_POLICIES)[number];

export const TASK_ENV_SECRET = ["auto", "always", "never"] as const;
export type TaskEnvSecret = (typeof TASK_ENV_SECRET)[number];

export interface KubernetesSettings {
  readonly kind: "kubernetes";
  readonly namespace: string;
  /** Null: in-cluster, then KUBECONFIG, then ~/.kube/config. */
  readonly kubeconfig: string | null;
  /** Null: ubuntu:22.04. */
  readonly defaultImage: string | null;
  readonly imagePullPolicy: ImagePullPolicy;
  readonly useImageVolumes: boolean;
  readonly preflightImage: string;
  /** A ResourceRequirements object as the API server takes it. */
  readonly preflightResources: JsonObject;
  /** Replaces the server's agent sidecar. */
  readonly sidecarImage: string | null;
  /** Image by harness. */
  readonly codingCliSidecars: Readonly<Record<string, string>>;
  readonly setupCommand: string | null;
  readonly teardownCommand: string | null;
  readonly extraLabels: Readonly<Record<string, string>>;
  readonly extraAnnotations: Readonly<Record<string, string>>;
  /** Null: no limit. */
  readonly activeDeadlineSeconds: number | null;
  /** Null: finished Jobs stay. Always null when cleanup is off. */
  readonly ttlSecondsAfterFinished: number | null;
  /** A quantity; null: no limit. */
  readonly workspaceSizeLimit: string | null;
  /** Null: never give up. */
  readonly unschedulableTimeoutMs: number | null;
  /** A PodSpec, unchecked; null: an empty one. */
  readonly podTemplate: JsonObject | null;
  /** Whether the tasks' environment goes into a Secret per Job; auto: where the role may create Secrets. */
  readonly taskEnvSecret: TaskEnvSecret;
  /** Where pod_template stands, for messages about it; null: nowhere. */
  readonly configFile: string | null;
  /** The flags' entries only: the file has its pod template for that. */
  readonly environment: readonly EnvironmentVariable[];
}

export interface CommandSettings {
  readonly kind: "command";
  readonly dispatchCommand: string;
  readonly cancelCommand: string | null;
  readonly dispatchTimeoutMs: number;
  readonly handedOffTtlMs: number;
  /** Where both commands run: the folder that the worker was started in. */
  readonly workingDir: string;
  readonly environment: readonly EnvironmentVariable[];
}

export type JsonObject = Readonly<Record<string, unknown>>;
