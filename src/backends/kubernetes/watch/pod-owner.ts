/** Which Job a pod is of: as its controller has marked it, its owner tells, or the marks of the worker's own template. */
import type { V1Job, V1OwnerReference, V1Pod } from "@kubernetes/client-node";
import { EXECUTION_HASH_LABEL, TASK_HASH_LABEL } from "../job/labels.ts";

/** The labels by which a Job's controller marks its pods: the present ones, and those of older clusters. */
const JOB_NAME_LABELS = ["batch.kubernetes.io/job-name", "job-name"] as const;
const JOB_UID_LABELS = ["batch.kubernetes.io/controller-uid", "controller-uid"] as const;
/** Those of its task and execution. */
const OWN_LABELS = [TASK_HASH_LABEL, EXECUTION_HASH_LABEL] as const;

/** The name of its Job; undefined where its controller marks nothing. */
export function jobNameIn(pod: V1Pod): string | undefined {
  return labelOf(pod, JOB_NAME_LABELS) ?? ownersOf(pod).find(({ kind }) => kind === "Job")?.name;
}

/** Whether it is of the task and the execution of this Job. */
export function hasMarksOf(job: V1Job, pod: V1Pod): boolean {
  return OWN_LABELS.every((label) => {
    const value = job.metadata?.labels?.[label];
    return value !== undefined && value === pod.metadata?.labels?.[label];
  });
}

/** The Job's uid says more than its name, which a later one may have; without a word of it, the name has to do. */
export function isOwnedBy(pod: V1Pod, uid: string): boolean {
  const owners = ownersOf(pod);
  if (owners.length > 0) return owners.some((owner) => (owner.uid ?? "") === uid);
  return (labelOf(pod, JOB_UID_LABELS) ?? uid) === uid;
}

function ownersOf({ metadata }: V1Pod): readonly V1OwnerReference[] {
  return metadata?.ownerReferences ?? [];
}

function labelOf({ metadata }: V1Pod, names: readonly string[]): string | undefined {
  return names.map((name) => metadata?.labels?.[name]).find((value) => value !== undefined);
}
