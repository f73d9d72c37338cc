/** `backend.docker`: each task in a container of its own. */
import * as v from "valibot";
import { age, count, environment, flagged, setting, volume } from "./field.ts";
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
      security: v.optional(setting(security(), "Restrictions of every task's container"), {}),
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
    },
    "must be a mapping",
  );
}
