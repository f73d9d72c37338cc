/** A task as the control plane assigned it, in our own names: readonly, complete, never null. */

export interface Assignment {
  readonly taskId: string;
  /** Empty when the server sent none: then only a running task can be told from a new one. */
  readonly executionId: string;
  readonly dockerImage: string;
  readonly sidecarImage: string;
  readonly envVars: Readonly<Record<string, string>>;
  readonly additionalSidecars: readonly Sidecar[];
  /** Names the field that does not say which images are meant; null: all do. Of no concern where none is used. */
  readonly imageProblem: string | null;
  readonly additionalOzArgs: readonly string[];
  readonly instanceShape: InstanceShape;
  readonly task: TaskRecord;
  /** The `task` object exactly as it came, digits of numbers too, for those who write it again. */
  readonly taskAsReceived: Readonly<Record<string, unknown>>;
}

export interface Sidecar {
  readonly image: string;
  readonly mountPath: string;
  readonly readWrite: boolean;
}

/** 0: no limit on that axis. */
export interface InstanceShape {
  readonly vcpus: number;
  readonly memoryGb: number;
}

export interface TaskRecord {
  readonly id: string;
  readonly title: string;
  readonly ownedByTeam: boolean;
  readonly snapshot: ConfigSnapshot | null;
}

/** Text fields are trimmed and empty when absent; numbers are 0 when absent or not positive. */
export interface ConfigSnapshot {
  readonly environmentId: string;
  readonly modelId: string;
  readonly profileId: string;
  readonly skillSpec: string;
  readonly mcpServers: Readonly<Record<string, unknown>>;
  readonly computerUseEnabled: boolean | null;
  readonly idleTimeoutMinutes: number;
  readonly harness: string;
  readonly bedrockRole: string;
  readonly bedrockRegion: string;
  readonly publicAccess: string;
  readonly snapshotDisabled: boolean;
  readonly snapshotUploadTimeoutSecs: number;
  readonly snapshotScriptTimeoutSecs: number;
}
