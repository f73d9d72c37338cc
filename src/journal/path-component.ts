/** Names a file or folder after any text: the same for the same text, and another for another. */
import { join } from "node:path";

/** File systems take 255 bytes. */
const MAX_NAME = 200;
/** Of a worker's folder. Never another number: the folders that are there would not be found again. */
const DIGEST_CHARACTERS = 16;

/** One folder per worker id, named so that any id is one path component. */
export function workerStateDir(stateDir: string, workerId: string): string {
  return join(stateDir, pathComponentOf(workerId, DIGEST_CHARACTERS));
}

/** `digestCharacters`: of hexadecimal digits, by which texts are told apart that are too long to be a name. */
export function pathComponentOf(text: string, digestCharacters: number): string {
  const name = encodeURIComponent(text.toWellFormed()).replace(/^\./, "%2E");
  if (name.length <= MAX_NAME) return name;
  // Loaded for such a name only: the module costs an idle daemon 3 MB.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const digest = createHash("sha256").update(text).digest("hex").slice(0, digestCharacters);
  return `${name.slice(0, MAX_NAME - digest.length - 1)}-${digest}`;
}
