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
  /** An agent may wait for its user for longer than a file is kept, and goes on writing to the one that it has. */
  private readonly inUse = new Set<string>();
  private sweptAt = Number.NEGATIVE_INFINITY;

  constructor(options: TaskLogsOptions) {
    this.options = options;
  }

  /** The same command, writing to the file of its task. */
  kept(taskId: string, command: Command): Command {
    const { dir } = this.options;
    if (dir === null) return command;
    this.begun(taskId);
    if (performance.now() - this.sweptAt >= SWEEP_EVERY_MS) this.sweep(dir);
    const file = join(dir, nameFor(taskId));
    return this.canBeMade(taskId, file) ? { ...command, outputFile: file } : command;
  }

  /** Its file is not old until the task has ended, one that a dead worker began included. */
  begun(taskId: string): void {
    if (this.options.dir !== null) this.inUse.add(nameFor(taskId));
  }

  ended(taskId: string): void {
    if (this.options.dir !== null) this.inUse.delete(nameFor(taskId));
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
      for (const name of names) if (!this.inUse.has(name)) this.removeIfOld(join(dir, name), oldest);
    } catch (error) {
      log.warn("cannot look for old files of tasks' output", { dir, error: wordsOf(error) });
    }
  }

  /** One that may not be removed, for it is another user's, does not keep the others. */
  private removeIfOld(file: string, oldest: number): void {
    try {
      if (isUntouchedSince(file, oldest)) rmSync(file);
    } catch (error) {
      const why = wordsOf(error);
      this.options.log.warn("cannot remove an old file of a task's output", { file, error: why });
    }
  }
}

function nameFor(taskId: string): string {
  return `${PREFIX}${pathComponentOf(taskId, DIGEST_CHARACTERS)}${SUFFIX}`;
}

/** False for what is no file, or has just been removed by another worker. */
function isUntouchedSince(file: string, timeMs: number): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true && found.mtimeMs < timeMs;
}
