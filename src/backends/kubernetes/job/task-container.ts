/** The container `task`: the template's, filled in with what the task is. */
import type { V1Container, V1VolumeMount } from "@kubernetes/client-node";
import type { KubernetesSettings } from "../../../config/settings.ts";
import { imageOf } from "../../../protocol/stand-ins.ts";
import type { TaskSpec } from "../../../task/prepare.ts";
import { literal } from "./expansion.ts";
import { TASK_CONTAINER } from "./pod-template.ts";
import { shapedResources } from "./quantities.ts";
import { taskVariables, WORKSPACE } from "./variables.ts";

/** The setup command may have left variables; the agent takes the shell's place, so that signals reach it. */
const START_SCRIPT =
  'if [ -f "$OZ_ENVIRONMENT_FILE" ]; then set -a; . "$OZ_ENVIRONMENT_FILE"; set +a; fi; exec /agent/entrypoint.sh "$@"';

export interface TaskContainerInput {
  readonly task: TaskSpec;
  readonly settings: KubernetesSettings;
  readonly envSecretName: string | null;
}

export function taskContainer(
  { task, settings, envSecretName }: TaskContainerInput,
  template: Partial<V1Container>,
  mounts: readonly V1VolumeMount[],
): V1Container {
  const resources = shapedResources(task.assignment.instanceShape, template.resources);
  return {
    ...template,
    name: TASK_CONTAINER,
    image: imageOf(task.assignment, settings.defaultImage),
    imagePullPolicy: template.imagePullPolicy ?? settings.imagePullPolicy,
    command: ["/bin/sh", "-c", literal(START_SCRIPT), "oz-task"],
    args: task.argv.map(literal),
    workingDir: WORKSPACE,
    env: [...(template.env ?? []), ...taskVariables(task, envSecretName)],
    volumeMounts: [...(template.volumeMounts ?? []), ...mounts],
    ...(resources === undefined ? {} : { resources }),
    ...lifecycle(settings, template),
  };
}

/** The kubelet leaves a hook's command as it is, so nothing is escaped there. */
function lifecycle({ teardownCommand }: KubernetesSettings, template: Partial<V1Container>) {
  if (teardownCommand === null) return {};
  const preStop = { exec: { command: ["/bin/sh", "-c", teardownCommand] } };
  return { lifecycle: { ...template.lifecycle, preStop } };
}
