/** An exit status on disk: written by a shim whose daemon is gone, read by the next daemon. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Whole or not at all: a reader never sees half a file. */
export function writeExitFile(path: string, status: number): void {
  writeFileSync(`${path}.new`, `${status}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Null: not there (yet), or not one of ours. */
export function readExitFile(path: string): number | null {
  try {
    const match = /^(\d{1,3})\n$/.exec(readFileSync(path, "latin1"));
    return match === null ? null : Number(match[1]);
  } catch {
    return null;
  }
}

export function removeExitFile(path: string): void {
  rmSync(path, { force: true });
}
