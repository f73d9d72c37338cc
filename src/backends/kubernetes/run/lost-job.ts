/** What is said of a task whose worker died, and whose Job the next one cannot wait for. */
import { TaskFailure } from "../../../task/backend.ts";
import type { JobHandle } from "./handle.ts";

const SAFE_TO_RETRY = "it is safe to retry";

export function notBegun(): TaskFailure {
  return new TaskFailure("unknown", `the worker was killed before it had started the task; ${SAFE_TO_RETRY}`);
}

/** Its Job is there, and what that needs is not. */
export function notReady(): TaskFailure {
  return new TaskFailure("unknown", `the worker was killed while it prepared the task; ${SAFE_TO_RETRY}`);
}

export function elsewhere({ job, namespace }: JobHandle, present: string): TaskFailure {
  return new TaskFailure(
    "job_watch",
    `Job "${job}" is in namespace "${namespace}", and this worker was started again with "${present}": how it ended is not known here, and it may still run`,
  );
}

export function missing({ job, namespace, uid }: JobHandle): TaskFailure {
  const what = `Job "${job}" in namespace "${namespace}"`;
  if (uid === null) {
    return new TaskFailure(
      "unknown",
      `the worker was killed before it had created ${what}; ${SAFE_TO_RETRY}`,
    );
  }
  return new TaskFailure(
    "job_failed",
    `${what} was deleted while the worker was away, so its end is not known`,
  );
}
