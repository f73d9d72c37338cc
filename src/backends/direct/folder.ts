/** Whether something can be worked in. */
import { accessSync, constants, statSync } from "node:fs";
import { codeOf, wordsOf } from "../../logging/words-of.ts";

/** A link to a folder is one. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Null: an agent can be started in it. */
export function whyUnusable(path: string): string | null {
  try {
    if (!statSync(path).isDirectory()) return "it is not a folder";
    accessSync(path, constants.X_OK);
    return null;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? "there is no such folder" : wordsOf(error);
  }
}
