/** A task as a Job. Pure: the same task and settings give the same Job. */
import type { V1Container, V1Job, V1PodSpec, V1VolumeMount } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import type { TaskSpec } from "../../../task/prepare.ts";
import { literal } from "./expansion.ts";
import { INSTANCE_LABEL, labelsOf, labelValueOf } from "./labels.ts";
import { jobNameOf } from "./name.ts";
import { readPodTemplate, TASK_CONTAINER } from "./pod-template.ts";
import { rootContextOf } from "./root-context.ts";
import { type SidecarParts, sidecarParts } from "./sidecars.ts";
import { taskContainer } from "./task-container.ts";
import { WORKSPACE } from "./variables.ts";

export interface JobInput {
  readonly task: TaskSpec;
  readonly settings: KubernetesSettings;
  readonly workerId: string;
  readonly instanceId: string;
  /** Null: the values of the task's variables stand in the Job. */
  readonly envSecretName: string | null;
}

const WORKSPACE_MOUNT: V1VolumeMount = { name: "workspace", mountPath: WORKSPACE };

/** Throws TaskFailure `sidecar_prep` for sidecars that cannot be mounted. */
export function buildJob(input: JobInput): V1Job {
  const { task, settings, workerId, instanceId } = input;
  const { taskId, executionId } = task.assignment;
  const { extraLabels, extraAnnotations } = settings;
  const labels = labelsOf({ workerId, taskId, executionId, extraLabels });
  const annotations =
    Object.keys(extraAnnotations).length > 0 ? { annotations: { ...extraAnnotations } } : {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: jobNameOf(taskId, executionId),
      namespace: settings.namespace,
      labels: { ...labels, [INSTANCE_LABEL]: labelValueOf(instanceId) },
      ...annotations,
    },
    spec: {
      backoffLimit: 0,
      ...(settings.activeDeadlineSeconds === null
        ? {}
        : { activeDeadlineSeconds: settings.activeDeadlineSeconds }),
      ...(settings.ttlSecondsAfterFinished === null
        ? {}
        : { ttlSecondsAfterFinished: settings.ttlSecondsAfterFinished }),
      template: { metadata: { labels, ...annotations }, spec: podSpec(input) },
    },
  };
}

function podSpec(input: JobInput): V1PodSpec {
  const { settings, task } = input;
  const template = readPodTemplate(settings.podTemplate);
  const sidecars = sidecarParts(task.assignment, settings, rootContextOf(template.fields));
  const main = taskContainer(input, template.task, [WORKSPACE_MOUNT, ...sidecars.mounts]);
  const inTemplate = template.containers.some(({ name }) => name === TASK_CONTAINER);
  const initContainers = [...workersInit(input, sidecars, main), ...template.initContainers];
  return {
    ...template.fields,
    restartPolicy: "Never",
    ...(initContainers.length > 0 ? { initContainers } : {}),
    containers: inTemplate
      ? template.containers.map((container) => (container.name === TASK_CONTAINER ? main : container))
      : [...template.containers, main],
    volumes: [
      ...template.volumes,
      { name: "workspace", emptyDir: workspaceLimit(settings) },
      ...sidecars.volumes,
    ],
  };
}

function workspaceLimit({ workspaceSizeLimit }: KubernetesSettings): { sizeLimit?: string } {
  return workspaceSizeLimit === null ? {} : { sizeLimit: workspaceSizeLimit };
}

/** Sidecars first: the setup command may wait for them. */
function workersInit(input: JobInput, sidecars: SidecarParts, main: V1Container): V1Container[] {
  const { setupCommand } = input.settings;
  if (setupCommand === null) return [...sidecars.initContainers];
  const { image, imagePullPolicy, env, envFrom } = main;
  const setup: V1Container = {
    name: "setup",
    ...(image === undefined ? {} : { image }),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    command: ["/bin/sh", "-c", literal(setupCommand)],
    workingDir: WORKSPACE,
    ...(env === undefined ? {} : { env }),
    ...(envFrom === undefined ? {} : { envFrom }),
    volumeMounts: [WORKSPACE_MOUNT],
  };
  return [...sidecars.initContainers, setup];
}
