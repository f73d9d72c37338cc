/** `backend.direct`: the agent as a child process of the worker. */
import * as v from "valibot";
import { environment, setting, text } from "./field.ts";
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
      environment: environment(),
    },
    "must be a mapping",
  ),
);
