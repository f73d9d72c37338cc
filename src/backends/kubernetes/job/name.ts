/** The name of an execution's Job: the same for every worker, so that no execution gets two Jobs. */
import { executionIdOf } from "../../../protocol/stand-ins.ts";

/** Names of pods are derived from it, and their host names end at 63. */
const LONGEST_NAME = 63;
const EXECUTION_TAIL = 8;

/** `executionId` empty: the server sent none, and the task id stands for it. */
export function jobNameOf(taskId: string, executionId: string): string {
  const execution = partOf(
    [...executionIdOf({ taskId, executionId })].slice(-EXECUTION_TAIL).join(""),
    "exec",
  );
  const room = LONGEST_NAME - "oz-task-".length - "-exec-".length - execution.length;
  const task = partOf(partOf(taskId, "run").slice(0, room), "run");
  return `oz-task-${task}-exec-${execution}`;
}

function partOf(id: string, otherwise: string): string {
  const plain = id
    .toLowerCase()
    .replace(/[^a-z0-9]/gu, "-")
    .replace(/^-+|-+$/g, "");
  return plain || otherwise;
}
