/** A task as good as any, for asking the API server whether it would take such a Job. */
import type { V1Job } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import type { Assignment } from "../../../protocol/assignment.ts";
import type { TaskSpec } from "../../../task/prepare.ts";
import { envSecretNameOf } from "../job/env-secret.ts";
import { buildJob } from "../job/job.ts";
import { jobNameOf } from "../job/name.ts";

export interface SampleInput {
  readonly settings: KubernetesSettings;
  readonly workerId: string;
  readonly instanceId: string;
  readonly envSecrets: boolean;
  /** Nobody else's Job may have its name. */
  readonly taskId: string;
}

export function buildSampleJob(input: SampleInput): V1Job {
  const { settings, workerId, instanceId, envSecrets, taskId } = input;
  return buildJob({
    task: sampleTask(input),
    settings,
    workerId,
    instanceId,
    envSecretName: envSecrets ? envSecretNameOf(jobNameOf(taskId, "")) : null,
  });
}

export function sampleTask({ settings, taskId }: SampleInput): TaskSpec {
  const environment = Object.fromEntries(settings.environment.map(({ name, value }) => [name, value]));
  return { assignment: sampleAssignment(taskId, settings), argv: ["agent", "run"], environment };
}

/** With a sidecar, so that volumes and init containers are tried too. */
function sampleAssignment(taskId: string, { sidecarImage, preflightImage }: KubernetesSettings): Assignment {
  return {
    taskId,
    executionId: "",
    dockerImage: "",
    sidecarImage: sidecarImage ?? preflightImage,
    envVars: {},
    additionalSidecars: [],
    additionalOzArgs: [],
    instanceShape: { vcpus: 0, memoryGb: 0 },
    task: { id: taskId, title: "", ownedByTeam: false, snapshot: null },
    imageProblem: null,
    taskAsReceived: {},
  };
}
