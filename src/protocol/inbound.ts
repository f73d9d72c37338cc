/**
 * What the control plane says to the worker, parsed once. Never throws: whatever arrives becomes one
 * of four kinds, and a field that is not understood costs the task only where running without it
 * would do the wrong work (its environment, its arguments, its images).
 */
import type { Assignment, InstanceShape, Sidecar } from "./assignment.ts";
import { mayChangeDigits, parseExactly } from "./exact-json.ts";
import { FieldReader, isObject, type JsonObject } from "./fields.ts";
import { readTask } from "./snapshot.ts";

export type Inbound =
  | { readonly kind: "assignment"; readonly assignment: Assignment; readonly misread: readonly string[] }
  | { readonly kind: "cancellation"; readonly taskId: string }
  /** `taskId` null: nobody can be told. `problem` names the field and holds no value of it. */
  | { readonly kind: "invalid"; readonly taskId: string | null; readonly problem: string }
  | { readonly kind: "ignored"; readonly type: string };

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

function invalid(taskId: string | null, problem: string): Inbound {
  return { kind: "invalid", taskId, problem };
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
  const { task } = data;
  try {
    if (!isObject(task)) throw new Unusable("task is not an object");
    const received = (mayChangeDigits(text) ? exactTask(text) : null) ?? task;
    const assignment: Assignment = {
      taskId,
      executionId: fields.text("execution_id"),
      dockerImage: requiredText(data, "docker_image"),
      sidecarImage: requiredText(data, "sidecar_image"),
      envVars: readEnvVars(data["env_vars"]),
      additionalSidecars: readSidecars(data["additional_sidecars"]),
      additionalOzArgs: readArgs(data["additional_oz_args"]),
      instanceShape: readShape(fields),
      task: readTask(fields.inner("task"), taskId, received),
      taskAsReceived: received,
    };
    return { kind: "assignment", assignment, misread: fields.misread };
  } catch (error) {
    if (error instanceof Unusable) return invalid(taskId, error.message);
    throw error;
  }
}

function exactTask(text: string): JsonObject | null {
  const message = parseExactly(text);
  const data = isObject(message) ? message["data"] : null;
  const task = isObject(data) ? data["task"] : null;
  return isObject(task) ? task : null;
}

/** A field without which the task would be another one. */
class Unusable extends Error {}

function requiredText(data: JsonObject, name: string): string {
  const value = data[name] ?? "";
  if (typeof value !== "string") throw new Unusable(`${name} is not a string`);
  return value.trim();
}

function readEnvVars(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new Unusable("env_vars is not an object");
  const variables: [string, string][] = [];
  for (const [name, given] of Object.entries(value)) {
    if (name === "" || /[=\0]/.test(name))
      throw new Unusable("env_vars has a name that no environment can hold");
    if (given === null) continue;
    if (typeof given === "object") throw new Unusable(`env_vars.${name} is not a string`);
    const text = String(given);
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
