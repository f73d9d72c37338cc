/** Whether something can be worked in. */
import { statSync } from "node:fs";

/** A link to a folder is one. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
