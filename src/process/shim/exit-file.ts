/** An exit status on disk: written by a shim whose daemon is gone, read by the next daemon. */
import {
  lstatSync,
  lutimesSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Of a process that is about to be started. Null: no state folder, so nothing can be found again. */
export function newExitFile(folders: { readonly exitsDir: string } | null): string | null {
  return folders === null ? null : join(folders.exitsDir, crypto.randomUUID());
}

/**
 * Whole or not at all: a reader never sees half a file. On a full disk the status becomes a link's target
 * instead, which takes no block: an agent that filled the disk ends first, and may have ended well. Throws
 * what the file system says when there is room for neither.
 */
export function writeExitFile(path: string, { status, at }: WrittenExit): void {
  writeWhole(path, String(status), at);
}

/** In its place, of a process that its shim was asked for and has not started. Does not throw: nobody knows then. */
export function writeNeverBegun(path: string): void {
  try {
    writeWhole(path, NEVER_BEGUN, Date.now());
  } catch {
    // No room even for that.
  }
}

/** No status is written so, and an earlier version reads it as none. */
const NEVER_BEGUN = "-";

/** `at` in ms since 1970. */
function writeWhole(path: string, words: string, at: number): void {
  const time = at / 1_000;
  const unfinished = `${path}.new`;
  try {
    writeFileSync(unfinished, `${words}\n`, { mode: 0o600 });
    utimesSync(unfinished, time, time);
    renameSync(unfinished, path);
  } catch {
    removeExitFile(unfinished);
    writeAsLink(path, words, time);
  }
}

/** It too whole or not at all: whoever reads it removes it at once, and a link gone before it had its time was made anew. */
function writeAsLink(path: string, words: string, time: number): void {
  const unfinished = `${path}.link`;
  try {
    symlinkSync(words, unfinished);
    lutimesSync(unfinished, time, time);
    renameSync(unfinished, path);
  } catch (error) {
    removeExitFile(unfinished);
    throw error;
  }
}

export interface WrittenExit {
  readonly status: number;
  /** When the process ended, in ms since 1970; the file may be written much later. */
  readonly at: number;
}

/** Null: not there (yet), or not one of ours. */
export function readExitFile(path: string): WrittenExit | null {
  const match = /^(\d{1,3})\n$/.exec(readLink(path) ?? readText(path));
  if (match === null) return null;
  const at = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return at === undefined ? null : { status: Number(match[1]), at };
}

/** False: not as far as anybody has written down. */
export function isNeverBegun(path: string): boolean {
  return (readLink(path) ?? readText(path)) === `${NEVER_BEGUN}\n`;
}

/** Never throws: what stays goes at some later start, for it is of no use to anybody. */
export function removeExitFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A disk that is read-only by now.
  }
}

/** Null: not a link. One is not followed, wherever it leads. */
function readLink(path: string): string | null {
  try {
    return `${readlinkSync(path)}\n`;
  } catch {
    return null;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
