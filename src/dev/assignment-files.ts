/** Assignments from files: one, a list of them, a list of cases, or frames as they went over the wire. */
import { readFileOrPipe, textIn } from "../config/operator-file.ts";
import { whyUnreadable } from "../config/unreadable.ts";
import { wordsOf } from "../logging/words-of.ts";
import { type Assignment, completeAssignment } from "./assignment-of.ts";
import { asObject } from "./json.ts";

export interface LoadedAssignments {
  readonly assignments: readonly Assignment[];
  /** Sentences that name the file; when there is one, nothing should be run. */
  readonly errors: readonly string[];
}

/** All files are read and all errors collected. */
export async function loadAssignments(
  paths: readonly string[],
  stop: AbortSignal,
): Promise<LoadedAssignments> {
  const assignments: Assignment[] = [];
  const errors: string[] = [];
  for (const path of paths) {
    for (const [index, entry] of (await entriesOf(path, errors, stop)).entries()) {
      try {
        assignments.push(completeAssignment(unwrap(entry)));
      } catch (error) {
        errors.push(`${path}: assignment ${index + 1}: ${wordsOf(error)}`);
      }
    }
  }
  return { assignments, errors };
}

async function entriesOf(path: string, errors: string[], stop: AbortSignal): Promise<readonly unknown[]> {
  let text: string;
  try {
    text = textIn(await readFileOrPipe(path, stop));
  } catch (error) {
    stop.throwIfAborted();
    errors.push(`Cannot read ${path}: ${whyUnreadable(error)}`);
    return [];
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    errors.push(`${path} is not JSON: ${wordsOf(error)}; it is to hold one assignment, or a list of them`);
    return [];
  }
  const entries = Array.isArray(value) ? value : (asObject(value)?.["cases"] ?? [value]);
  if (!Array.isArray(entries)) errors.push(`${path}: "cases" is not a list`);
  // With --exit-when-done it was waited for ever for what the file does not have.
  else if (entries.length === 0) errors.push(`${path}: there is no assignment in its list`);
  else return entries;
  return [];
}

/** `{"assignment": A}`, `{"type": "task_assignment", "data": A}` or A itself. */
function unwrap(entry: unknown): unknown {
  const object = asObject(entry);
  if (!object) return entry;
  if ("assignment" in object) return unwrap(object["assignment"]);
  if (!("type" in object)) return entry;
  if (object["type"] === "task_assignment") return object["data"];
  throw new Error(`type is ${JSON.stringify(object["type"])}, not "task_assignment"`);
}
