/** Where a task's agent keeps its own settings. */
import { mkdirSync } from "node:fs";
import { wordsOf } from "../../logging/words-of.ts";
import { TaskFailure } from "../../task/backend.ts";
import { harnessFolder } from "./environment.ts";

/** It may be there: in a target folder each task uses it, and an operator may have filled it. */
export function makeHarnessFolder(harness: string, dir: string): void {
  const folder = harnessFolder(harness, dir);
  if (folder === null) return;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new TaskFailure(
      "workspace_setup",
      `cannot make the folder ${folder} of the harness ${harness}: ${wordsOf(error)}`,
    );
  }
}
