/**
 * Which executions an engine has, told to all workers of the id on this host: an empty file for each, which outlives the
 * worker that handed it over. The journals say so too, but each to its own worker only. The control plane gives an execution
 * to a second worker when it lost sight of the first, and what is dispatched twice is done twice.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionRef } from "../../journal/execution.ts";
import { pathComponentOf } from "../../journal/path-component.ts";

/** As long as an ended execution is remembered, at least. */
const LASTS_MS = 24 * 60 * 60 * 1000;
const PRUNE_EVERY_MS = 60 * 60 * 1000;
/** Ids come from outside: as many as make two that are equal a matter of chance alone. */
const DIGEST_CHARACTERS = 32;

export class HandedOffMarks {
  private readonly folder: () => string | null;
  private prunedAt = performance.now();

  /** `folder` null: there is none, so nobody can be told. Asked when a task comes. */
  constructor(folder: () => string | null) {
    this.folder = folder;
  }

  /** Before the worker lets go of it. Without an execution id nothing would tell it from a new run. Does not throw. */
  add(ref: ExecutionRef): void {
    const folder = this.folder();
    if (folder === null || ref.executionId === "") return;
    if (performance.now() - this.prunedAt > PRUNE_EVERY_MS) this.prune();
    try {
      mkdirSync(folder, { mode: 0o700, recursive: true });
      writeFileSync(pathIn(folder, ref), "", { mode: 0o600 });
    } catch {
      // Where nothing can be written the journal is in memory, too, and a warning has said so.
    }
  }

  /** Does not throw. */
  has(ref: ExecutionRef): boolean {
    const folder = this.folder();
    return folder !== null && ref.executionId !== "" && isThere(pathIn(folder, ref));
  }

  /** What is over: a look at each, once an hour. Does not throw. */
  prune(): void {
    this.prunedAt = performance.now();
    const folder = this.folder();
    for (const path of folder === null ? [] : filesIn(folder)) if (!isThere(path)) remove(path);
  }
}

function pathIn(folder: string, { taskId, executionId }: ExecutionRef): string {
  return join(folder, pathComponentOf(JSON.stringify([taskId, executionId]), DIGEST_CHARACTERS));
}

/** And not over yet. False also where it cannot be seen. */
function isThere(path: string): boolean {
  try {
    const at = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
    return at !== undefined && Date.now() - at < LASTS_MS;
  } catch {
    return false;
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next time.
  }
}
