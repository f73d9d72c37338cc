/** What stands in for what an assignment leaves out. Pure. */
import type { Assignment } from "./assignment.ts";

const USUAL_IMAGE = "ubuntu:22.04";

/** What a task runs in: the server's image, else the operator's (null: there is none), else the usual one. */
export function imageOf(
  { dockerImage }: Pick<Assignment, "dockerImage">,
  operatorsImage: string | null = null,
): string {
  return dockerImage || operatorsImage || USUAL_IMAGE;
}

/** An engine needs a name for every execution, so the task's own stands in for one that is missing. */
export function executionIdOf({ taskId, executionId }: Pick<Assignment, "taskId" | "executionId">): string {
  return executionId || taskId;
}
