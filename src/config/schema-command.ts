/** `backend.command`: the operator's own engine runs the tasks. */
import * as v from "valibot";
import { parseGoDuration } from "./duration.ts";
import { environment, goDuration, setting, text } from "./field.ts";

export function commandSchema() {
  return v.strictObject(
    {
      dispatch_command: setting(
        text(),
        "Shell text that hands a task, described on its standard input, to your engine",
        {
          valueHint: "SH",
        },
      ),
      cancel_command: v.optional(
        setting(text(), "Shell text that cancels a task handed over before, named by $OZ_RUN_ID", {
          valueHint: "SH",
        }),
      ),
      dispatch_timeout: v.optional(
        setting(
          v.pipe(
            goDuration(),
            v.check((value) => parseGoDuration(value) !== 0, "must be longer than 0s"),
          ),
          "How long dispatch_command may take",
          { valueHint: "DURATION" },
        ),
        "60s",
      ),
      environment: environment(),
    },
    "must be a mapping",
  );
}
