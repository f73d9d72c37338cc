/** Which file is the executable that runs. */
import { type Stats, statSync } from "node:fs";

/**
 * Where a program of another machine is run by an emulator, as an amd64 image is on an arm64 host, the
 * kernel's `running` is that emulator, and starting it again starts nothing. It is another file than
 * `path` then, which is there; after an upgrade `path` is "... (deleted)", which is not.
 */
export function ownExecutable(running: string, path: string): string {
  const [ran, named] = [running, path].map(statOf);
  if (ran === null || ran === undefined) return path;
  if (named === null || named === undefined) return running;
  return ran.dev === named.dev && ran.ino === named.ino ? running : path;
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
