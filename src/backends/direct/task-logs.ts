/**
 * What tasks write, in a file for each (`log_dir`). Agents and hooks get the file itself to write to: nothing of it
 * passes through the worker, and they go on writing when that is gone.
 */
import { closeSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathComponentOf } from "../../journal/path-component.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { openOutputFile } from "../../runtime/output-file.ts";
import type { Command } from "../../runtime/spawn.ts";

export interface TaskLogsOptions {
  /** Null: there are none. */
  readonly dir: string | null;
  /** Null: they stay. */
  readonly maxAgeMs: number | null;
  readonly log: Logger;
}

/** Others may keep files in the folder, too: only what is called so is ever removed. */
const PREFIX = "oz-task-";
const SUFFIX = ".log";
const DIGEST_CHARACTERS = 16;
const SWEEP_EVERY_MS = 60 * 60 * 1_000;

export class TaskLogs {
  private readonly options: TaskLogsOptions;
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(options: TaskLogsOptions) {
    this.options = options;
  }

  /** The same command, writing to the file of its task. */
  kept(taskId: string, command: Command): Command {
    const { dir } = this.options;
    if (dir === null) return command;
    if (performance.now() - this.sweptAt >= SWEEP_EVERY_MS) this.sweep(dir);
    const file = join(dir, `${PREFIX}${pathComponentOf(taskId, DIGEST_CHARACTERS)}${SUFFIX}`);
    return this.canBeMade(taskId, file) ? { ...command, outputFile: file } : command;
  }

  private canBeMade(taskId: string, file: string): boolean {
    try {
      closeSync(openOutputFile(file));
      return true;
    } catch (error) {
      // Its work is worth more than what it says.
      this.options.log.warn("cannot keep what a task writes; it goes to the worker's own output", {
        taskId,
        file,
        error: wordsOf(error),
      });
      return false;
    }
  }

  private sweep(dir: string): void {
    this.sweptAt = performance.now();
    const { maxAgeMs, log } = this.options;
    if (maxAgeMs === null) return;
    const oldest = Date.now() - maxAgeMs;
    try {
      const names = readdirSync(dir).filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX));
      for (const file of names.map((name) => join(dir, name)))
        if (isUntouchedSince(file, oldest)) rmSync(file);
    } catch (error) {
      log.warn("cannot remove old files of tasks' output", { dir, error: wordsOf(error) });
    }
  }
}

/** False for what is no file, or has just been removed by another worker. */
function isUntouchedSince(file: string, timeMs: number): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true && found.mtimeMs < timeMs;
}
