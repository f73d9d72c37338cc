/**
 * The config file, strict at every level: the one declaration of each setting. Types are inferred
 * from it; flags (flags.ts), the JSON Schema and the docs table (scripts/generate.ts) are made from
 * it. So it holds no transforms, which a JSON Schema cannot express: settings are made in resolve.ts.
 */
import * as v from "valibot";
import { setting } from "./field.ts";
import { once } from "./once.ts";
import { commandSchema } from "./schema-command.ts";
import { directSchema } from "./schema-direct.ts";
import { dockerSchema } from "./schema-docker.ts";
import { kubernetesSchema } from "./schema-kubernetes.ts";
import { workerEntries } from "./schema-worker.ts";

export const configSchema = once(() =>
  v.strictObject({ ...workerEntries(), backend: v.optional(backend()) }, "must be a mapping"),
);

function backend() {
  return setting(
    v.strictObject(
      {
        docker: v.optional(block(dockerSchema, "Each task in a container")),
        direct: v.optional(block(directSchema, "Each task as a process of this host")),
        kubernetes: v.optional(block(kubernetesSchema, "Each task as a Kubernetes Job")),
        command: v.optional(block(commandSchema, "Each task handed to an engine of your own")),
      },
      "must be a mapping",
    ),
    "What runs the tasks: at most one of these blocks",
    { maxProperties: 1, otherwise: "docker" },
  );
}

/** Built when a file has such a block: all four together cost every start a millisecond and half a megabyte. */
function block<const S extends v.GenericSchema>(make: () => S, text: string) {
  return v.lazy(once(() => setting(make(), text)));
}

/** As the operator wrote it: every key optional. */
export type FileConfig = v.InferInput<ReturnType<typeof configSchema>>;
