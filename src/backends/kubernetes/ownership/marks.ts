/** How a Job tells whose it is and which execution it runs, exactly; its readable labels are lossy. */
import type { V1Job } from "@kubernetes/client-node";
import type { ExecutionRef } from "../../../journal/execution.ts";
import { INSTANCE_LABEL, WORKER_HASH_LABEL, WORKER_ID_LABEL } from "../job/labels.ts";
import type { StoppedBy } from "../run/handle.ts";
import { isFinished, wasCutShort } from "../verdict/job-condition.ts";

const TASK_ID_ANNOTATION = "oz-agent-worker/task-id";
const EXECUTION_ID_ANNOTATION = "oz-agent-worker/execution-id";
/** On a Job that is being ended, why: who takes it over meanwhile goes on with that, and tells of its task in the same way. */
const STOPPING_ANNOTATION = "oz-agent-worker/stopping";
/** On a Job whose result is in a journal: nobody takes it over, and no watch shows it. */
const ENDED_LABEL = "oz-ended";
const WORKER_LABELS: ReadonlySet<string> = new Set([WORKER_ID_LABEL, WORKER_HASH_LABEL]);

/** `instance` null: no worker can prove that it lives, so no other may take the Job over. */
export function mark(job: V1Job, { taskId, executionId }: ExecutionRef, instance: string | null): V1Job {
  const labels = { ...job.metadata?.labels };
  if (instance === null) delete labels[INSTANCE_LABEL];
  else labels[INSTANCE_LABEL] = instance;
  const annotations = {
    ...job.metadata?.annotations,
    [TASK_ID_ANNOTATION]: taskId,
    [EXECUTION_ID_ANNOTATION]: executionId,
  };
  return { ...job, metadata: { ...job.metadata, labels, annotations } };
}

/** Null for a Job that this program did not make. */
export function executionOf({ metadata }: V1Job): ExecutionRef | null {
  const taskId = metadata?.annotations?.[TASK_ID_ANNOTATION];
  const executionId = metadata?.annotations?.[EXECUTION_ID_ANNOTATION];
  return taskId === undefined || executionId === undefined ? null : { taskId, executionId };
}

/** Null: nobody's that can be told from others. */
export function instanceOf({ metadata }: V1Job): string | null {
  return metadata?.labels?.[INSTANCE_LABEL] ?? null;
}

export function isEnded({ metadata }: V1Job): boolean {
  return metadata?.labels?.[ENDED_LABEL] !== undefined;
}

/**
 * Whether how its execution ended can be read in it, by whoever is given that execution once more. Of a task without an
 * execution id it may be the end of an earlier run.
 */
export function tellsItsEnd(job: V1Job): boolean {
  const { executionId = "" } = executionOf(job) ?? {};
  return executionId !== "" && isFinished(job) && !wasCutShort(job);
}

/**
 * A merge patch that holds only if nobody changed the Job since it was seen like this. `made`: as this worker would have
 * made it, where the one that did may have another worker id: its siblings look after its Jobs, and these know only each
 * other to live.
 */
export function claimPatch({ metadata }: V1Job, instance: string, made: V1Job | null = null) {
  const { uid, resourceVersion } = metadata ?? {};
  const theirs = Object.entries(made?.metadata?.labels ?? {}).filter(([label]) => WORKER_LABELS.has(label));
  const labels = { ...Object.fromEntries(theirs), [INSTANCE_LABEL]: instance };
  return { metadata: { uid, resourceVersion, labels } };
}

export function endedPatch(uid: string) {
  return { metadata: { uid, labels: { [ENDED_LABEL]: "true" } } };
}

/** Null: nobody has begun to end it. */
export function stoppingOf({ metadata }: V1Job): StoppedBy | null {
  const why = metadata?.annotations?.[STOPPING_ANNOTATION];
  return why === "cancelled" || why === "timeout" ? why : null;
}

export function stoppingPatch(uid: string, why: StoppedBy) {
  return { metadata: { uid, annotations: { [STOPPING_ANNOTATION]: why } } };
}

export function openJobsOf(workerHash: string): string {
  return `${WORKER_HASH_LABEL}=${workerHash},!${ENDED_LABEL}`;
}

export function podsOf(workerHash: string): string {
  return `${WORKER_HASH_LABEL}=${workerHash}`;
}
