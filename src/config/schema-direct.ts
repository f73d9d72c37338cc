/** `backend.direct`: the agent as a child process of the worker. */
import * as v from "valibot";
import { age, amount, environment, folder, setting, text } from "./field.ts";
import { once } from "./once.ts";

export const directSchema = once(() =>
  v.strictObject(
    {
      workspace_root: v.optional(
        setting(text(), "Folder in which every task gets a folder of its own", { valueHint: "DIR" }),
        "/var/lib/oz/workspaces",
      ),
      target_dir: v.optional(
        setting(text(), "Run every task in this folder, which is never cleaned (direct backend only)", {
          flag: "target-dir",
          valueHint: "DIR",
          otherwise: "a workspace of its own for each task",
        }),
      ),
      oz_path: v.optional(
        setting(text(), "The agent's executable", { valueHint: "PATH", otherwise: "`oz` on PATH" }),
      ),
      setup_command: v.optional(
        setting(
          text(),
          "Shell text run in the workspace before each task; what it writes to $OZ_ENVIRONMENT_FILE reaches the task",
          {
            valueHint: "SH",
          },
        ),
      ),
      teardown_command: v.optional(
        setting(text(), "Shell text run in the workspace after each task, failed or not", {
          valueHint: "SH",
        }),
      ),
      log_dir: v.optional(
        setting(folder(), "Folder in which the output of each task is kept, in a file of its own", {
          valueHint: "DIR",
          otherwise: "the worker's own output, that of all tasks together",
        }),
      ),
      log_max_age: v.optional(
        setting(age(), "A file in log_dir to which nothing was written for so long is removed; 0s: never", {
          valueHint: "DURATION",
        }),
        "7days",
      ),
      min_free_gb: v.optional(
        setting(amount(), "Tasks are turned down while less room is left where they work, in GiB; 0: never", {
          valueHint: "NUMBER",
        }),
        0,
      ),
      environment: environment(),
    },
    "must be a mapping",
  ),
);
