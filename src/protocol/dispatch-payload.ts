/**
 * What a dispatch command reads on its standard input: the whole task, for an engine that is not
 * ours. Other people's scripts read it, so keys are added to version 1, never changed or taken away.
 */
import * as v from "valibot";
import type { Assignment, Sidecar } from "./assignment.ts";
import { executionIdOf, imageOf } from "./stand-ins.ts";

const PAYLOAD_VERSION = 1;

function described<const S extends v.GenericSchema>(schema: S, text: string) {
  return v.pipe(schema, v.description(text));
}

/** For docs/command-payload.schema.json; what is written is checked against its type. */
export function dispatchPayloadSchema() {
  const sidecar = v.object({
    image: described(v.string(), "An image whose files are to be found at mount_path"),
    mount_path: described(v.string(), "An absolute path in the task's file system; no two are the same"),
    read_write: described(
      v.boolean(),
      "Whether the task may write there; then nobody else may see what it writes",
    ),
  });
  return v.object({
    version: described(v.literal(PAYLOAD_VERSION), "Version of this format"),
    run_id: described(v.string(), "The task's id, $OZ_RUN_ID"),
    execution_id: described(
      v.string(),
      "The id of this execution of it, $OZ_EXECUTION_ID; the task's where the server sent none",
    ),
    server_root_url: described(v.string(), "Where the agent reports to, $OZ_SERVER_ROOT_URL"),
    worker_id: described(v.string(), "The worker that hands the task over"),
    docker_image: described(v.string(), "The image to run the task in, $OZ_DOCKER_IMAGE"),
    base_args: described(
      v.array(v.string()),
      "The agent's arguments, without its executable: each is one argument, whatever stands in it",
    ),
    env: described(v.record(v.string(), v.string()), "The task's environment, secrets included"),
    sidecars: described(
      v.array(sidecar),
      "Images whose files the task needs beside its own, the agent's first",
    ),
    task: described(
      v.looseObject({}),
      "The task as the server sent it, fields that this worker does not know included",
    ),
  });
}

export type DispatchPayload = v.InferOutput<ReturnType<typeof dispatchPayloadSchema>>;

export interface DispatchParts {
  readonly assignment: Assignment;
  readonly workerId: string;
  readonly serverRootUrl: string;
  /** The agent's argv, without the executable. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly sidecars: readonly Sidecar[];
}

export function dispatchPayload(parts: DispatchParts): DispatchPayload {
  const { assignment, argv, environment, sidecars } = parts;
  return {
    version: PAYLOAD_VERSION,
    run_id: assignment.taskId,
    execution_id: executionIdOf(assignment),
    server_root_url: parts.serverRootUrl,
    worker_id: parts.workerId,
    docker_image: imageOf(assignment),
    base_args: [...argv],
    env: { ...environment },
    sidecars: sidecars.map(({ image, mountPath, readWrite }) => ({
      image,
      mount_path: mountPath,
      read_write: readWrite,
    })),
    task: { ...assignment.taskAsReceived },
  };
}
