/**
 * What the control plane says to the worker, parsed once. Never throws: whatever arrives becomes one
 * of four kinds, and a field that is not understood costs the task only where running without it
 * would do the wrong work (its environment, its arguments; its images, where the backend uses them).
 */
import type { Assignment, InstanceShape, Sidecar } from "./assignment.ts";
import { mayChangeDigits, parseExactly } from "./exact-json.ts";
import { FieldReader, isObject, type JsonObject } from "./fields.ts";
import { readTask } from "./snapshot.ts";

export type Inbound =
  | { readonly kind: "assignment"; readonly assignment: Assignment; readonly misread: readonly string[] }
  | { readonly kind: "cancellation"; readonly taskId: string }
  | Invalid
  | { readonly kind: "ignored"; readonly type: string };

/** What cannot be used. */
export interface Invalid {
  readonly kind: "invalid";
  /** Null: nobody can be told. */
  readonly taskId: string | null;
  /** Empty where there is none that can be read. */
  readonly executionId: string;
  /** Names the field and holds no value of it. */
  readonly problem: string;
}

export function parseInbound(text: string): Inbound {
  const message = parseJson(text);
  if (!isObject(message)) return invalid(null, "the frame is not a JSON object");
  if (typeof message["type"] !== "string") return invalid(null, "type is not a string");
  switch (message["type"]) {
    case "task_assignment":
      return withData(message["data"], (data, taskId) => parseAssignment(data, taskId, text));
    case "task_cancellation":
      return withData(message["data"], (_data, taskId) => ({ kind: "cancellation", taskId }));
    default:
      return { kind: "ignored", type: message["type"].slice(0, 100) };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(taskId: string | null, problem: string, executionId = ""): Invalid {
  return { kind: "invalid", taskId, executionId, problem };
}

function withData(data: unknown, parse: (data: JsonObject, taskId: string) => Inbound): Inbound {
  if (!isObject(data)) return invalid(null, "data is not an object");
  const taskId = data["task_id"];
  if (typeof taskId !== "string" || taskId === "") {
    return invalid(null, "data.task_id is not a string with something in it");
  }
  return parse(data, taskId);
}

function parseAssignment(data: JsonObject, taskId: string, text: string): Inbound {
  const fields = new FieldReader(data);
  const executionId = fields.text("execution_id");
  const { task } = data;
  try {
    if (!isObject(task)) throw new Unusable("task is not an object");
    const exactly = (mayChangeDigits(text) ? exactData(text) : null) ?? data;
    const received = isObject(exactly["task"]) ? exactly["task"] : task;
    const images = readImages(data);
    if (images.imageProblem !== null) fields.misread.push(...images.imageProblem.split(" ", 1));
    const assignment: Assignment = {
      taskId,
      executionId,
      ...images,
      envVars: readEnvVars(data["env_vars"], exactly["env_vars"]),
      additionalOzArgs: readArgs(data["additional_oz_args"]),
      instanceShape: readShape(fields),
      task: readTask(fields.inner("task"), taskId, received),
      taskAsReceived: received,
    };
    return { kind: "assignment", assignment, misread: fields.misread };
  } catch (error) {
    if (error instanceof Unusable) return invalid(taskId, error.message, executionId);
    throw error;
  }
}

function exactData(text: string): JsonObject | null {
  const message = parseExactly(text);
  const data = isObject(message) ? message["data"] : null;
  return isObject(data) ? data : null;
}

/** A field without which the task would be another one. */
class Unusable extends Error {}

type Images = Pick<Assignment, "dockerImage" | "sidecarImage" | "additionalSidecars" | "imageProblem">;

function readImages(data: JsonObject): Images {
  try {
    return {
      dockerImage: requiredText(data, "docker_image"),
      sidecarImage: requiredText(data, "sidecar_image"),
      additionalSidecars: readSidecars(data["additional_sidecars"]),
      imageProblem: null,
    };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return { dockerImage: "", sidecarImage: "", additionalSidecars: [], imageProblem: error.message };
  }
}

function requiredText(data: JsonObject, name: string): string {
  const value = data[name] ?? "";
  if (typeof value !== "string") throw new Unusable(`${name} is not a string`);
  return value.trim();
}

/** `exactly`: the same, with the digits of its numbers as they came. */
function readEnvVars(value: unknown, exactly: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new Unusable("env_vars is not an object");
  const variables: [string, string][] = [];
  for (const [name, given] of Object.entries(value)) {
    if (name === "" || /[=\0]/.test(name))
      throw new Unusable("env_vars has a name that no environment can hold");
    if (given === null) continue;
    if (typeof given === "object") throw new Unusable(`env_vars.${name} is not a string`);
    const digits = typeof given === "number" && isObject(exactly) ? JSON.stringify(exactly[name]) : undefined;
    const text = digits ?? String(given);
    if (text.includes("\0")) throw new Unusable(`env_vars.${name} has a NUL character`);
    variables.push([name, text]);
  }
  return Object.fromEntries(variables);
}

function readArgs(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Unusable("additional_oz_args is not a list");
  return value.map((given: unknown, index) => {
    if (typeof given !== "string") throw new Unusable(`additional_oz_args[${index}] is not a string`);
    if (given.includes("\0")) throw new Unusable(`additional_oz_args[${index}] has a NUL character`);
    return given;
  });
}

function readSidecars(value: unknown): Sidecar[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Unusable("additional_sidecars is not a list");
  return value.map((given: unknown, index) => {
    if (!isObject(given)) throw new Unusable(`additional_sidecars[${index}] is not an object`);
    const { image = "", mount_path: mountPath = "", read_write: readWrite } = given;
    // Empty ones are kept: the backends that use sidecars refuse them as `sidecar_prep`.
    if (typeof (image ?? "") !== "string" || typeof (mountPath ?? "") !== "string") {
      throw new Unusable(`additional_sidecars[${index}] has an image or mount_path that is not a string`);
    }
    return { image: String(image ?? ""), mountPath: String(mountPath ?? ""), readWrite: readWrite === true };
  });
}

function readShape(fields: FieldReader): InstanceShape {
  const shape = fields.inner("instance_shape");
  return { vcpus: shape.amount("vcpus"), memoryGb: shape.amount("memory_gb") };
}
