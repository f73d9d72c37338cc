/** The environment of a task's containers: which variables, in which order, and where their values stand. */
import type { V1EnvVar, V1Job } from "@kubernetes/client-node";
import { builtInEnvironment, type TaskSpec } from "../../../task/prepare.ts";
import { expanded, literal } from "./expansion.ts";

export const WORKSPACE = "/workspace";
const ENVIRONMENT_FILE = `${WORKSPACE}/.oz-env`;

/**
 * The task's variables, then the worker's own, which win: of two variables of one name the kubelet
 * takes the later. A reference to a Secret stands where the plain value would, because `envFrom` would
 * lose against every variable of the template.
 */
export function taskVariables(task: TaskSpec, envSecretName: string | null): V1EnvVar[] {
  const own = ownVariables(task.assignment.taskId);
  const tasks = Object.entries(task.environment).filter(([name]) => !Object.hasOwn(own, name));
  return [
    ...tasks.map(([name, value], at) => {
      if (envSecretName === null) return { name, value: literal(value) };
      // Any name would be no key.
      return { name, valueFrom: { secretKeyRef: { name: envSecretName, key: `v${at}` } } };
    }),
    ...Object.entries(own).map(([name, value]) => ({ name, value: literal(value) })),
  ];
}

/** By its key in that Secret, the name of each variable whose value a Job, another worker's perhaps, looks for there. */
export function keysIn({ spec }: V1Job, envSecretName: string): ReadonlyMap<string, string> {
  const { containers = [], initContainers = [] } = spec?.template.spec ?? {};
  const variables = [...initContainers, ...containers].flatMap(({ env = [] }) => env);
  return new Map(
    variables.flatMap(({ name, valueFrom }) => {
      const { name: secret, key } = valueFrom?.secretKeyRef ?? {};
      return secret === envSecretName && key !== undefined ? [[key, name] as const] : [];
    }),
  );
}

/**
 * What may be secret of the variables in a Job that an earlier worker made; those in its Secret are not for the worker to
 * read. A path or a word that stands in every Job is none: it would be hidden in messages and logs.
 */
export function secretsIn({ spec }: V1Job): readonly string[] {
  const { containers = [], initContainers = [] } = spec?.template.spec ?? {};
  const everyones = { ...builtInEnvironment("", ""), ...ownVariables("") };
  return [...initContainers, ...containers].flatMap(({ env = [] }) =>
    env.flatMap(({ name, value }) => {
      return value === undefined || Object.hasOwn(everyones, name) ? [] : expanded(value);
    }),
  );
}

function ownVariables(taskId: string): Readonly<Record<string, string>> {
  return {
    OZ_ENVIRONMENT_FILE: ENVIRONMENT_FILE,
    OZ_WORKSPACE_ROOT: WORKSPACE,
    OZ_WORKER_BACKEND: "kubernetes",
    OZ_RUN_ID: taskId,
  };
}
