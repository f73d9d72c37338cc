/**
 * The top of the config file, `backend` excepted. Apart from schema.ts because a start without a file
 * needs no more than this: schemas are built when asked for, and the whole costs 1 MB.
 */
import * as v from "valibot";
import { LOG_FORMATS, LOG_LEVELS } from "../logging/logger.ts";
import { address, count, duration, flagged, folder, humantime, setting, text } from "./field.ts";
import { once } from "./once.ts";

const worker = () => ({
  worker_id: v.optional(
    setting(
      v.pipe(
        text(),
        v.check((id) => !id.startsWith("warp"), 'must not start with "warp", which is reserved'),
        v.metadata({ pattern: "^(?!warp)" }),
        v.check((id) => id === id.trim(), "must not start or end with white space"),
      ),
      "Name of this worker, to which tasks are routed with --host; several may share one",
      { flag: "worker-id", valueHint: "ID", otherwise: "required, here or as flag" },
    ),
  ),
  api_key_file: v.optional(
    setting(text(), "File that holds the API key, read again at every connect", {
      flag: "api-key-file",
      valueHint: "PATH",
    }),
  ),
  max_concurrent_tasks: v.optional(
    setting(count(0), "Most tasks at a time; 0: no limit", { flag: "max-concurrent-tasks", valueHint: "N" }),
    0,
  ),
  max_tasks: v.optional(
    setting(count(0), "Leave, with exit status 0, after so many tasks; 0: no limit", {
      flag: "max-tasks",
      valueHint: "N",
    }),
    0,
  ),
  exit_after_idle: v.optional(
    setting(duration(), "Leave, with exit status 0, when there was no task for so long; 0s: never", {
      flag: "exit-after-idle",
      valueHint: "DURATION",
    }),
    "0s",
  ),
  idle_on_complete: v.optional(
    setting(humantime(), "How long the agent stays for follow-ups when a task is done; 0s: not at all", {
      flag: "idle-on-complete",
      valueHint: "DURATION",
      otherwise: "the agent's own (45m)",
    }),
  ),
  cleanup: v.optional(
    setting(flagged(), "Remove containers, Jobs and workspaces of ended tasks (false: --no-cleanup)"),
    true,
  ),
});

const daemon = () => ({
  log_level: v.optional(
    setting(v.picklist(LOG_LEVELS), "Least level that is logged", { flag: "log-level" }),
    "info",
  ),
  log_format: v.optional(
    setting(v.picklist(LOG_FORMATS), "Log lines for people or for machines", { flag: "log-format" }),
    "text",
  ),
  state_dir: v.optional(
    setting(folder(), "Folder in which the worker remembers its tasks over a restart", {
      flag: "state-dir",
      valueHint: "DIR",
      otherwise:
        "`$STATE_DIRECTORY`, else `$XDG_STATE_HOME/oz-agent-worker`, else `/var/lib/oz/state` for root, else `~/.local/state/oz-agent-worker`",
    }),
  ),
  cancel_grace_period: v.optional(
    setting(duration(), "How long a task that is stopped has between SIGTERM and SIGKILL", {
      valueHint: "DURATION",
    }),
    "10s",
  ),
  drain_timeout: v.optional(
    setting(
      duration(),
      "How long a worker that is asked to stop waits for its tasks to end by themselves before it stops them (not kubernetes, whose Jobs go on in any case)",
      { valueHint: "DURATION" },
    ),
    "0s",
  ),
  shutdown_timeout: v.optional(
    setting(duration(), "How long the worker's own shutdown may take; not shorter than cancel_grace_period", {
      valueHint: "DURATION",
    }),
    "20s",
  ),
  max_task_duration: v.optional(
    setting(duration(), "A task that runs longer is stopped and fails with task_timeout; 0s: no limit", {
      valueHint: "DURATION",
      otherwise: "no limit",
    }),
  ),
  health_address: v.optional(
    setting(address(), "Where the worker tells its health over HTTP, such as 127.0.0.1:8152", {
      flag: "health-address",
      valueHint: "HOST:PORT",
      otherwise: "nowhere",
    }),
  ),
  ca_file: v.optional(
    setting(text(), "PEM file of certificate authorities trusted beside the system's", { valueHint: "PATH" }),
  ),
});

export const workerEntries = once(() => ({ ...worker(), ...daemon() }));

export const workerSchema = once(() => v.strictObject(workerEntries(), "must be a mapping"));

/** The same with the defaults filled in. */
export type WorkerConfig = v.InferOutput<ReturnType<typeof workerSchema>>;
