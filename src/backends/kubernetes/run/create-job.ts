/** Puts a task into the cluster: its Job, in the place of an earlier one of its name perhaps. */
import type { V1Job } from "@kubernetes/client-node";
import { pause } from "../../../async/wait.ts";
import type { ExecutionRef } from "../../../journal/execution.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { TaskFailure } from "../../../task/backend.ts";
import { isPassing, isStatus } from "../client/cluster-error.ts";
import type { Cluster } from "../cluster.ts";
import { WORKER_HASH_LABEL } from "../job/labels.ts";
import { leaseNameOf } from "../ownership/lease.ts";
import { claimPatch, executionOf, instanceOf, isEnded, tellsItsEnd } from "../ownership/marks.ts";
import { takenNotes } from "../ownership/taken-notes.ts";
import { isFinished } from "../verdict/job-condition.ts";
import { adviceFor, type CreateContext, exists, isCollision, patiently } from "./creation.ts";

/** An earlier Job of the same name is deleted, and has to be gone. */
const REPLACE_TRIES = 20;
const REPLACE_PAUSE_MS = 500;
export interface CreatedJob {
  /** As the server has it. */
  readonly job: V1Job;
  /** It was there, made by another worker, which makes its Secret, too. */
  readonly isAnothers: boolean;
  /** It is that no more, and went while it was being taken over. */
  readonly isGone?: true;
}

/** Throws TaskFailure `job_create`, or the signal's reason. */
export async function createJob(job: V1Job, ref: ExecutionRef, context: CreateContext): Promise<CreatedJob> {
  const { cluster } = context;
  const name = job.metadata?.name ?? "";
  // By a try of this very run, whose answer did not come.
  let mayBeMade = false;
  const create = async (signal: AbortSignal) => {
    try {
      return await cluster.createJob(job, signal);
    } catch (error) {
      mayBeMade ||= isPassing(error);
      throw error;
    }
  };
  for (let tries = 1; ; tries++) {
    try {
      return { job: await patiently(create, context, { alsoPasses: isCollision }), isAnothers: false };
    } catch (error) {
      context.signal.throwIfAborted();
      // A quota counts the Job of such a try too, and refuses the next one before its name is looked at.
      if (!exists(error) && (!mayBeMade || isPassing(error))) throw refused(name, context, error);
      const existing = await takeExisting(job, ref, context, { error, mayBeMade }).catch((why: unknown) => {
        context.signal.throwIfAborted();
        throw why instanceof TaskFailure ? why : refused(name, context, why);
      });
      if (existing !== null) return existing;
      if (!exists(error) || tries === REPLACE_TRIES) throw refused(name, context, error);
      await pause(REPLACE_PAUSE_MS, context.signal);
    }
  }
}

/** Whether a Job that could not be created may be there all the same, or may yet come. */
export function mayBeThere(failure: unknown): boolean {
  return failure instanceof TaskFailure && isPassing(failure.cause);
}

/** The Job of that name when it is of this very execution; null: an old one that is going, or it just changed. */
async function takeExisting(
  made: V1Job,
  ref: ExecutionRef,
  context: CreateContext,
  { error, mayBeMade }: { readonly error: unknown; readonly mayBeMade: boolean },
): Promise<CreatedJob | null> {
  const { cluster, instance, log } = context;
  const { name = "" } = made.metadata ?? {};
  const existing = await patiently((signal) => cluster.getJob(name, signal), context);
  if (existing === null) return null;
  const execution = executionOf(existing);
  if (execution?.taskId !== ref.taskId || execution.executionId !== ref.executionId) {
    throw refused(name, context, error);
  }
  if (existing.metadata?.deletionTimestamp !== undefined) return null;
  const { uid = "" } = existing.metadata ?? {};
  const wasReported = isEnded(existing) || context.isReported(uid);
  if ((wasReported && !tellsItsEnd(existing)) || (!mayBeMade && isOfEarlierRun(existing, ref, instance))) {
    log.info("the Job of an earlier run of this task is replaced", { job: name });
    await patiently((signal) => cluster.deleteJob(name, signal, { uid }), context);
    return null;
  }
  // Ours, when the answer to an earlier try was lost; else the control plane gave it to this worker now.
  if (instance === null || instanceOf(existing) === instance)
    return { job: existing, isAnothers: !mayBeMade };
  log.warn("another worker's Job for this execution is taken over", { job: name });
  await leaveNote(existing, context);
  const claim = (signal: AbortSignal) => claimAs(made, existing, { instance, cluster, signal });
  const claimed = await patiently(claim, context);
  // Who had it has told its end, mostly, and deleted it: made anew it would run once more. As it was, it shows that it is another's.
  if (claimed === null)
    return ref.executionId === "" ? null : { job: existing, isAnothers: true, isGone: true };
  return claimed === "changed" ? null : { job: claimed, isAnothers: true };
}

interface Claimant {
  readonly instance: string;
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
}

/** Null: it is gone. `changed`: by somebody who had to do with it. */
async function claimAs(made: V1Job, seen: V1Job, claimant: Claimant): Promise<V1Job | "changed" | null> {
  const { instance, cluster, signal } = claimant;
  const name = seen.metadata?.name ?? "";
  try {
    return await cluster.patchJob(name, claimPatch(seen, instance, made), signal);
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
    const now = await cluster.getJob(name, signal);
    if (now === null || now.metadata?.uid !== seen.metadata?.uid) return null;
    const isTheirs = instanceOf(now) === instanceOf(seen) && isEnded(now) === isEnded(seen);
    return isTheirs && now.metadata?.deletionTimestamp === undefined
      ? claimAs(made, now, claimant)
      : "changed";
  }
}

/**
 * For the worker that has it now, before it is taken: should that one only be cut off, or be started again, when the Job
 * is gone, it would call it lost.
 */
async function leaveNote(existing: V1Job, context: CreateContext): Promise<void> {
  const workerHash = existing.metadata?.labels?.[WORKER_HASH_LABEL] ?? "";
  const lease = leaseNameOf(workerHash, instanceOf(existing) ?? "");
  const patch = { metadata: { annotations: takenNotes([existing]) } };
  try {
    await patiently((signal) => context.cluster.patchLease(lease, patch, signal), context);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.debug("cannot tell a worker that its Job is taken over", { lease, why: wordsOf(error) });
  }
}

/**
 * It has not been marked as reported, which the role may not allow. Without an execution id, a task that this worker
 * was given and that does not run is to run again.
 */
function isOfEarlierRun(existing: V1Job, { executionId }: ExecutionRef, instance: string | null): boolean {
  return executionId === "" && isFinished(existing) && instanceOf(existing) === instance;
}

function refused(name: string, { cluster }: CreateContext, error: unknown): TaskFailure {
  return new TaskFailure(
    "job_create",
    `cannot create Job "${name}" in namespace "${cluster.namespace}": ${wordsOf(error)}${adviceFor(error)}`,
    { cause: error },
  );
}
