/** `backend.docker`: each task in a container of its own. */
import * as v from "valibot";
import { environment, setting, volume } from "./field.ts";

export function dockerSchema() {
  return v.strictObject(
    {
      volumes: v.optional(
        setting(
          v.array(volume(), "must be a list of HOST:CONTAINER[:ro|rw]"),
          "Host folders mounted into every task's container; -v adds to them",
          { valueHint: "HOST:CONTAINER[:ro|rw]" },
        ),
        [],
      ),
      environment: environment(),
    },
    "must be a mapping",
  );
}
