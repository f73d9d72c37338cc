/** The environment of a task's containers: which variables, in which order, and where their values stand. */
import type { V1EnvVar } from "@kubernetes/client-node";
import type { TaskSpec } from "../../../task/prepare.ts";
import { literal } from "./expansion.ts";

export const WORKSPACE = "/workspace";
export const ENVIRONMENT_FILE = `${WORKSPACE}/.oz-env`;

/** A variable of the task and the key of its value in the Secret; any name would be no key. */
export interface SecretVariable {
  readonly name: string;
  readonly key: string;
  readonly value: string;
}

export function secretVariables(task: TaskSpec): readonly SecretVariable[] {
  return Object.entries(task.environment).map(([name, value], at) => ({ name, key: `v${at}`, value }));
}

/**
 * The task's variables, then the worker's own, which win: of two variables of one name the kubelet
 * takes the later. A reference to a Secret stands where the plain value would, because `envFrom` would
 * lose against every variable of the template.
 */
export function taskVariables(task: TaskSpec, envSecretName: string | null): V1EnvVar[] {
  const own = {
    OZ_ENVIRONMENT_FILE: ENVIRONMENT_FILE,
    OZ_WORKSPACE_ROOT: WORKSPACE,
    OZ_WORKER_BACKEND: "kubernetes",
    OZ_RUN_ID: task.assignment.taskId,
  };
  const tasks = secretVariables(task).filter(({ name }) => !Object.hasOwn(own, name));
  return [
    ...tasks.map((variable) => fromSecret(variable, envSecretName)),
    ...Object.entries(own).map(([name, value]) => ({ name, value: literal(value) })),
  ];
}

function fromSecret({ name, key, value }: SecretVariable, secret: string | null): V1EnvVar {
  if (secret === null) return { name, value: literal(value) };
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}
