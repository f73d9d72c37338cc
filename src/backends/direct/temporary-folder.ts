/** Where tasks' private folders are made. */
import { resolve } from "node:path";

/** Absolute, for what runs in a workspace is told of what lies in such a folder, whatever TMPDIR is. */
export function temporaryFolder(): string {
  // Loaded for who needs one only: the module costs every start 0.2 ms.
  const { tmpdir } = process.getBuiltinModule("node:os");
  return resolve(tmpdir());
}
