/** Assignments as the parser gives them, for tests of what comes after it. */
import type { Assignment, ConfigSnapshot } from "../../../src/protocol/assignment.ts";

export const NO_SNAPSHOT_FIELD: ConfigSnapshot = {
  environmentId: "",
  modelId: "",
  profileId: "",
  skillSpec: "",
  mcpServers: {},
  computerUseEnabled: null,
  idleTimeoutMinutes: 0,
  harness: "",
  bedrockRole: "",
  bedrockRegion: "",
  publicAccess: "",
  snapshotDisabled: false,
  snapshotUploadTimeoutSecs: 0,
  snapshotScriptTimeoutSecs: 0,
};

export interface SampleFields extends Partial<Assignment> {
  readonly snapshot?: Partial<ConfigSnapshot>;
  readonly ownedByTeam?: boolean;
}

export function sampleAssignment(fields: SampleFields = {}): Assignment {
  const { snapshot, ownedByTeam = false, ...rest } = fields;
  const taskId = fields.taskId ?? "t-1";
  return {
    taskId,
    executionId: `exec-${taskId}`,
    dockerImage: "",
    sidecarImage: "",
    envVars: {},
    additionalSidecars: [],
    additionalOzArgs: [],
    instanceShape: { vcpus: 0, memoryGb: 0 },
    task: {
      id: taskId,
      title: "",
      ownedByTeam,
      snapshot: snapshot === undefined ? null : { ...NO_SNAPSHOT_FIELD, ...snapshot },
    },
    imageProblem: null,
    taskAsReceived: {},
    ...rest,
  };
}
