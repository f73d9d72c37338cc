/** `backend.command`: the operator's own engine runs the tasks. */
import * as v from "valibot";
import { parseDuration, parseGoDuration } from "./duration.ts";
import { duration, environment, goDuration, setting, text } from "./field.ts";

/** Every ended task is remembered for that long, so a shorter time would not hold. */
const DAY_MS = 24 * 60 * 60 * 1000;

/** Of white space alone the shell makes nothing, and calls that well done: every task would be lost. */
function shellText() {
  return v.pipe(
    text(),
    v.check((value) => value.trim() !== "", "must not be empty"),
  );
}

export function commandSchema() {
  return v.strictObject(
    {
      dispatch_command: setting(
        shellText(),
        "Shell text that hands a task, described on its standard input, to your engine",
        {
          valueHint: "SH",
        },
      ),
      cancel_command: v.optional(
        setting(shellText(), "Shell text that cancels a task handed over before, named by $OZ_RUN_ID", {
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
      handed_off_ttl: v.optional(
        setting(
          v.pipe(
            duration(),
            v.check((value) => (parseDuration(value) ?? 0) >= DAY_MS, "must be 1day or longer"),
          ),
          "How long a task that was handed over is remembered, so that it can still be cancelled",
          { valueHint: "DURATION" },
        ),
        "7days",
      ),
      environment: environment(),
    },
    "must be a mapping",
  );
}
