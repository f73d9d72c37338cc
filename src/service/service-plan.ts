/** What a service of this worker is made of, whatever manager runs it. */
import type { BackendKind, Settings } from "../config/settings.ts";

export const SERVICE_NAME = "oz-agent-worker";
/** The service's own, by STATE_DIRECTORY. systemd makes it; where launchd runs it is made at the install. */
export const SERVICE_STATE_DIR = `/var/lib/${SERVICE_NAME}`;
export const DEFAULT_CONFIG_FILE = `/etc/${SERVICE_NAME}/config.yaml`;
export const DEFAULT_KEY_FILE = `/etc/${SERVICE_NAME}/api-key`;

export interface ServicePlan {
  /** Absolute paths. */
  readonly program: string;
  readonly configFile: string;
  /** Null: the config file names one, and the worker reads that itself. */
  readonly keyFile: string | null;
  readonly user: string;
  readonly backend: BackendKind;
  readonly stopTimeoutSeconds: number;
  /** Null: SERVICE_STATE_DIR. */
  readonly stateDir: string | null;
  /** Those that the worker would make itself, if its user might; not `target_dir`, which is the operator's. */
  readonly ownFolders: readonly string[];
  /** Whether this host has the group that Docker gives its socket to. */
  readonly hasDockerGroup: boolean;
  /** Agents of the Direct backend go on when the worker crashes. */
  readonly keepAgents: boolean;
}

export interface ServiceOptions {
  readonly program: string;
  readonly configFile: string;
  readonly keyFile: string | null;
  readonly user: string;
  readonly keepAgents: boolean;
  readonly hasDockerGroup: boolean;
}

/** What a stop takes after `drain_timeout` and `shutdown_timeout`, 19 s at most: killing, delivering, closing, removing, telemetry. */
const BEYOND_SHUTDOWN_MS = 20_000;

export function planService(settings: Settings, options: ServiceOptions): ServicePlan {
  const { backend, drainTimeoutMs, shutdownTimeoutMs } = settings;
  const workspaces = "workspaceRoot" in backend && backend.targetDir === null ? [backend.workspaceRoot] : [];
  const logs = "logDir" in backend && backend.logDir !== null ? [backend.logDir] : [];
  const stateDir = settings.stateDir === SERVICE_STATE_DIR ? null : settings.stateDir;
  return {
    ...options,
    backend: backend.kind,
    stopTimeoutSeconds: Math.ceil((drainTimeoutMs + shutdownTimeoutMs + BEYOND_SHUTDOWN_MS) / 1000),
    stateDir,
    ownFolders: [...(stateDir === null ? [] : [stateDir]), ...workspaces, ...logs],
  };
}
