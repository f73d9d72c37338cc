/** Makes task assignments, as the control plane sends them, from what an operator has: a prompt or a file. */
import { asObject, type JsonObject, textOf } from "./json.ts";

/** The data of a `task_assignment`, wire names and all; whatever else is in it is sent as it is. */
export type Assignment = JsonObject & { readonly task_id: string };

const TITLE_LENGTH = 60;

export function assignmentOf(prompt: string): Assignment {
  return complete({ task: { task_definition: { prompt } } }, prompt);
}

/**
 * A full assignment from a partial one: missing ids are made up, and `{"prompt": "…"}` with or without
 * other fields is understood as well.
 * @throws Error with a sentence that says what is wrong
 */
export function completeAssignment(value: unknown): Assignment {
  const given = asObject(value);
  if (!given) throw new Error("An assignment is a JSON object");
  for (const name of ["task_id", "execution_id"]) {
    const id = given[name];
    if (id !== undefined && id !== null && typeof id !== "string") throw new Error(`${name} is not a string`);
  }
  if (given["task_id"] === "") throw new Error("task_id is empty");
  if (!("prompt" in given)) {
    if (given["task"] === undefined) throw new Error('Neither "prompt" nor "task" is given');
    return complete(given, null);
  }
  const { prompt, ...rest } = given;
  if (typeof prompt !== "string" || prompt.trim() === "")
    throw new Error("prompt is not a text, or is empty");
  if (rest["task"] === undefined) return complete({ ...rest, task: { task_definition: { prompt } } }, prompt);
  throw new Error('Both "prompt" and "task" are given');
}

function complete(given: JsonObject, prompt: string | null): Assignment {
  const taskId = textOf(given["task_id"]) ?? crypto.randomUUID();
  const now = new Date().toISOString();
  const task = asObject(given["task"]);
  return {
    ...given,
    task_id: taskId,
    // Null is a choice (an execution without an id exists on the wire), leaving it out is not one.
    execution_id: given["execution_id"] === undefined ? `exec-${crypto.randomUUID()}` : given["execution_id"],
    // A task that is no object is sent as it is: rehearsing bad input is a use of this.
    task: task
      ? { id: taskId, title: titleOf(prompt ?? taskId), created_at: now, updated_at: now, ...task }
      : given["task"],
  };
}

/** The first line, cut to a length that fits a table. */
function titleOf(prompt: string): string {
  const line = prompt.trim().split("\n", 1)[0] ?? "";
  return line.length <= TITLE_LENGTH ? line : `${line.slice(0, TITLE_LENGTH - 1)}…`;
}
