/**
 * The marks by which Jobs, pods and Secrets are found again. The readable ones are for people and may
 * be ambiguous; the hashes are for selectors.
 */
import { createHash } from "node:crypto";
import { executionIdOf } from "../../../protocol/stand-ins.ts";

export const WORKER_ID_LABEL = "oz-worker-id";
const TASK_ID_LABEL = "oz-task-id";
const EXECUTION_ID_LABEL = "oz-execution-id";
export const WORKER_HASH_LABEL = "oz-worker-hash";
export const TASK_HASH_LABEL = "oz-task-hash";
export const EXECUTION_HASH_LABEL = "oz-execution-hash";
/** Which of the workers of one id made the Job. On the Job alone: a pod outlives a take-over. */
export const INSTANCE_LABEL = "oz-instance";

/** The API server's limit for a label's value. */
const LONGEST_VALUE = 63;

export interface LabelInput {
  readonly workerId: string;
  readonly taskId: string;
  /** Empty: the task id stands for it. */
  readonly executionId: string;
  /** The operator's, under the worker's own. */
  readonly extraLabels: Readonly<Record<string, string>>;
}

/** For Job and pod. */
export function labelsOf({ workerId, taskId, executionId, extraLabels }: LabelInput): Record<string, string> {
  return {
    ...extraLabels,
    [WORKER_ID_LABEL]: labelValueOf(workerId),
    [TASK_ID_LABEL]: labelValueOf(taskId),
    [EXECUTION_ID_LABEL]: labelValueOf(executionIdOf({ taskId, executionId })),
    [WORKER_HASH_LABEL]: workerHashOf(workerId),
    [TASK_HASH_LABEL]: hashOf(taskId),
    [EXECUTION_HASH_LABEL]: executionHashOf(taskId, executionId),
  };
}

export function workerHashOf(workerId: string): string {
  return hashOf(workerId);
}

export function executionHashOf(taskId: string, executionId: string): string {
  return hashOf(executionIdOf({ taskId, executionId }));
}

/** An id as a label's value, which begins and ends with a letter or a digit. */
export function labelValueOf(id: string): string {
  const plain = trimmed(id.toLowerCase().replace(/[^a-z0-9._-]/gu, "-"));
  return trimmed(plain.slice(0, LONGEST_VALUE)) || "unknown";
}

function trimmed(text: string): string {
  return text.replace(/^[-._]+|[-._]+$/g, "");
}

function hashOf(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 16);
}
