/** Why the system would not start an agent, in words that say what is to be done: ENOENT alone may be one of three things, and EACCES of two. */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { isExecutable } from "../../process/executable.ts";
import type { SpawnRefused } from "../../process/shim/refused.ts";
import { TaskFailure } from "../../task/backend.ts";
import { isFolder, whyUnusable } from "./folder.ts";

/** More than the kernel reads of a script's first line. */
const FIRST_LINE_BYTES = 256;

export function refusalOf(oz: string, dir: string, error: SpawnRefused): TaskFailure {
  if (error.code === "ENOENT" && !isFolder(dir)) {
    return new TaskFailure("workspace_setup", `the folder ${dir} is gone`, { cause: error });
  }
  const why = error.code === "EACCES" ? whyUnusable(dir) : null;
  if (why !== null) {
    return new TaskFailure("workspace_setup", `cannot work in the folder ${dir}: ${why}`, { cause: error });
  }
  return new TaskFailure("agent_invocation", `cannot start ${oz}: ${whyRefused(oz, error)}`, {
    cause: error,
  });
}

function whyRefused(oz: string, { code, message }: SpawnRefused): string {
  switch (code) {
    case "ENOENT":
      return existsSync(oz)
        ? `${message}; the program that runs it is missing${interpreterOf(oz)}`
        : `${message}; it was there when the worker started, so install the oz CLI again or correct backend.direct.oz_path`;
    case "EACCES":
      return isExecutable(oz) ? message : `${message}; it is not an executable file`;
    case "ENOEXEC":
      return `${message}; it is neither a program for this machine nor a script that begins with #!`;
    case "E2BIG":
      return `${message}; the assignment's arguments and variables are more than the system takes`;
    default:
      return message;
  }
}

/** Of a script: what its first line names. */
function interpreterOf(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const head = Buffer.alloc(FIRST_LINE_BYTES);
      const text = head.toString("latin1", 0, readSync(file, head));
      const interpreter = /^#![ \t]*([^ \t\r\n]+)/.exec(text)?.[1];
      return interpreter === undefined ? "" : `: ${interpreter}`;
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
