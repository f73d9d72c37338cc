/** What is said of a task whose Job the worker that is to wait for it cannot have any more. */
import { TaskFailure } from "../../../task/backend.ts";
import type { JobHandle } from "./handle.ts";

export function elsewhere({ job, namespace }: JobHandle, present: string): TaskFailure {
  return new TaskFailure(
    "job_watch",
    `Job "${job}" is in namespace "${namespace}", and this worker was started again with "${present}": how it ended is not known here, and it may still run`,
  );
}

export function deleted(job: string, namespace: string): TaskFailure {
  return new TaskFailure(
    "job_failed",
    `Job "${job}" in namespace "${namespace}" was deleted before it ended, while this worker took it over from another`,
  );
}

export function missing({ job, namespace, uid }: JobHandle): TaskFailure {
  const what = `Job "${job}" in namespace "${namespace}"`;
  if (uid === null) {
    return new TaskFailure(
      "unknown",
      `the worker was killed before it had created ${what}; it is safe to retry`,
    );
  }
  return new TaskFailure(
    "job_failed",
    `${what} was deleted while the worker was away, so its end is not known`,
  );
}
