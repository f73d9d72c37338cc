/** Whether a folder is there to be used, or could be made, without making it. */
import { accessSync, constants, lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf, wordsOf } from "../logging/words-of.ts";

export interface FolderLook {
  /** The folder itself, or the nearest one above it that is there. */
  readonly nearest: string;
  /** False: it would have to be made. */
  readonly exists: boolean;
  /** Why this user could not write into it, in words; null: nothing speaks against it. */
  readonly why: string | null;
}

/** `dir` is absolute. Never throws. */
export function lookAtFolder(dir: string): FolderLook {
  const why = whyUnusable(dir);
  if (why !== "missing") return { nearest: dir, exists: true, why };
  const parent = dirname(dir);
  const above = parent === dir ? { nearest: dir, why: "there is no such folder" } : lookAtFolder(parent);
  return { nearest: above.nearest, exists: false, why: above.why };
}

function whyUnusable(dir: string): string | "missing" | null {
  try {
    if (!statSync(dir).isDirectory()) return `${dir} is not a folder`;
    accessSync(dir, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const code = codeOf(error);
    // Something on the way to it is no folder; which one, its own look tells.
    if (code === "ENOTDIR") return "missing";
    if (code !== "ENOENT") return wordsOf(error);
    return isThere(dir) ? `${dir} is a link that leads nowhere` : "missing";
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
