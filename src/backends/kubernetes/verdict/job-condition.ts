/** What a Job says of itself. */
import type { V1Job, V1JobCondition } from "@kubernetes/client-node";

export function isComplete(job: V1Job): boolean {
  return conditionOf(job, "Complete") !== null;
}

/** Nothing of it runs any more, nor ever will. */
export function isFinished(job: V1Job): boolean {
  return isComplete(job) || failureOf(job) !== null;
}

/** As `isFinished`, or there is no such Job any more. */
export function isOver(job: V1Job | null): boolean {
  return job === null || isFinished(job);
}

/** A queue or an operator holds it back: the controller has seen that, or will. */
export function isSuspended(job: V1Job): boolean {
  return job.spec?.suspend === true || conditionOf(job, "Suspended") !== null;
}

/** Why it failed, once all its pods have ended. */
export function failureOf(job: V1Job): V1JobCondition | null {
  return conditionOf(job, "Failed");
}

/** Why it will have failed once all its pods have ended: what the controller has decided stays so. */
export function failureTargetOf(job: V1Job): V1JobCondition | null {
  return conditionOf(job, "FailureTarget");
}

/** True as soon as the controller has decided so, which is before the pods have ended. */
export function saysDeadline(job: V1Job): boolean {
  const conditions = [failureTargetOf(job), failureOf(job)];
  return conditions.some((condition) => condition?.reason === "DeadlineExceeded");
}

/** When its time is up, in ms since 1970; null: never, or it has not begun. */
export function deadlineOf(job: V1Job): number | null {
  const seconds = job.spec?.activeDeadlineSeconds;
  const start = job.status?.startTime;
  return seconds === undefined || start === undefined ? null : start.getTime() + seconds * 1000;
}

/**
 * Kept, a Job is ended by a deadline that has passed: the controller then deletes its pods, and it stays
 * as long as any failed one. Of one that is suspended the time counts from when it is resumed, so that it is
 * to have no pods then.
 */
export const PASSED_DEADLINE = { spec: { activeDeadlineSeconds: 1, parallelism: 0 } } as const;

/** By a worker, so that what it says of its end is not why its task has ended. */
export function wasCutShort({ spec }: V1Job): boolean {
  const { activeDeadlineSeconds, parallelism } = PASSED_DEADLINE.spec;
  return spec?.activeDeadlineSeconds === activeDeadlineSeconds && spec.parallelism === parallelism;
}

/** In ms since 1970; null: it does not say. */
export function startOf(job: V1Job): number | null {
  return (job.status?.startTime ?? job.metadata?.creationTimestamp)?.getTime() ?? null;
}

function conditionOf(job: V1Job, type: string): V1JobCondition | null {
  const found = job.status?.conditions?.find((condition) => condition.type === type);
  return found?.status === "True" ? found : null;
}
