/**
 * The Secret that holds a task's environment. It is created right after its Job and owned by it, so that
 * nothing is left behind however the worker ends; the pod waits for it.
 */
import type { V1Job, V1Secret } from "@kubernetes/client-node";
import type { TaskSpec } from "../../../task/prepare.ts";
import { keysIn } from "./variables.ts";

export function envSecretNameOf(jobName: string): string {
  return `${jobName}-env`;
}

/** Whether the pods of this Job, which another worker may have made, wait for its Secret. */
export function needsEnvSecret(job: V1Job): boolean {
  return keysIn(job, envSecretNameOf(job.metadata?.name ?? "")).size > 0;
}

/**
 * `job` as the API server answered it: its uid makes it the owner, and it says which value it looks for where. Made by a
 * worker with another configuration, it may have more variables than `task`, or fewer.
 */
export function buildEnvSecret({ task, job }: { readonly task: TaskSpec; readonly job: V1Job }): V1Secret {
  const { name = "", namespace, uid = "", labels } = job.metadata ?? {};
  const values = [...keysIn(job, envSecretNameOf(name))].flatMap(([key, variable]) => {
    const value = Object.hasOwn(task.environment, variable) ? task.environment[variable] : undefined;
    return value === undefined ? [] : [[key, base64(value)] as const];
  });
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: envSecretNameOf(name),
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name, uid, blockOwnerDeletion: false }],
    },
    type: "Opaque",
    // Nobody changes it, so the kubelet need not watch it.
    immutable: true,
    data: Object.fromEntries(values),
  };
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
