/** `backend.docker`: each task in a container of its own. */
import * as v from "valibot";
import { age, amount, count, environment, flagged, setting, volume } from "./field.ts";
import { ENGINE_PULL_POLICIES } from "./settings.ts";

const CAPABILITY_RULE = "must be a capability such as NET_RAW, or ALL";

export function dockerSchema() {
  return v.strictObject(
    {
      volumes: v.optional(
        setting(
          v.array(volume(), "must be a list of HOST:CONTAINER[:ro|rw]"),
          "Host folders mounted into every task's container, by absolute path and not by a volume's name; -v adds to them",
          { valueHint: "HOST:CONTAINER[:ro|rw]" },
        ),
        [],
      ),
      environment: environment(),
      image_pull_policy: v.optional(
        setting(
          v.picklist(ENGINE_PULL_POLICIES),
          "When the images of tasks and sidecars are pulled; never: they have to be there",
        ),
        "always",
      ),
      sidecar_volume_max_age: v.optional(
        setting(age(), "A sidecar's volume that no task has used for so long is removed; 0s: never", {
          valueHint: "DURATION",
        }),
        "7days",
      ),
      min_free_gb: v.optional(
        setting(
          amount(),
          "Tasks are turned down while less room is left in the engine's folder, in GiB; 0: never",
          {
            valueHint: "NUMBER",
          },
        ),
        0,
      ),
      network: v.optional(
        setting(engineName("network"), "Network of the engine that every task's container joins", {
          valueHint: "NAME",
          otherwise: "the engine's default",
        }),
      ),
      default_limits: v.optional(
        setting(defaultLimits(), "Limits of the tasks whose assignment sets none, each by itself"),
        {},
      ),
      security: v.optional(setting(security(), "Restrictions of every task's container"), {}),
    },
    "must be a mapping",
  );
}

/** Of something that the engine has. No other container's network, which would come and go with that. */
function engineName(kind: string) {
  const rule = `must be the name of a ${kind} of the engine`;
  return v.pipe(v.string(rule), v.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, rule));
}

function defaultLimits() {
  return v.strictObject(
    {
      vcpus: v.optional(
        setting(amount(), "Processors, such as 2 or 0.5; 0: no limit", { valueHint: "NUMBER" }),
        0,
      ),
      memory_gb: v.optional(
        setting(amount(), "Memory in GiB, without swap; 0: no limit", { valueHint: "NUMBER" }),
        0,
      ),
    },
    "must be a mapping",
  );
}

function security() {
  return v.strictObject(
    {
      no_new_privileges: v.optional(
        setting(flagged(), "Set-user-id programs (sudo, su) gain nothing in the container"),
        false,
      ),
      pids_limit: v.optional(
        setting(count(0), "Most processes and threads of a container; 0: no limit of the worker's", {
          valueHint: "N",
        }),
        0,
      ),
      cap_drop: v.optional(
        setting(
          v.array(
            v.pipe(v.string(CAPABILITY_RULE), v.regex(/^[A-Za-z_]+$/, CAPABILITY_RULE)),
            "must be a list of capabilities",
          ),
          "Linux capabilities taken from every container; ALL takes all",
          { valueHint: "CAPABILITY" },
        ),
        [],
      ),
      runtime: v.optional(
        setting(engineName("runtime"), "What runs the containers, such as runsc (gVisor) or kata", {
          valueHint: "NAME",
          otherwise: "the engine's default",
        }),
      ),
    },
    "must be a mapping",
  );
}
