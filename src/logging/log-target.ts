/**
 * The open file that the log is written to, and who may wait for its reader. Agents share standard error, so
 * it is never itself told not to block: only an open file of our own may be.
 */
import { constants, fstatSync, openSync, type Stats, statSync } from "node:fs";

const STDERR = 2;

export interface LogTarget {
  readonly descriptor: number;
  /** A write to it waits for a reader, and so must not be made by the main thread. */
  readonly waits: boolean;
}

export function openLogTarget(standardError = STDERR): LogTarget {
  const file = lookAt(standardError);
  if (file === null || !mayWait(file)) return { descriptor: standardError, waits: false };
  const own = file.isSocket() ? null : openAnew(standardError);
  return own === null ? { descriptor: standardError, waits: true } : { descriptor: own, waits: false };
}

/** Null where it is closed: then each line is as lost as any other way of saying so. */
function lookAt(descriptor: number): Stats | null {
  try {
    return fstatSync(descriptor);
  } catch {
    return null;
  }
}

/** Not asked of `node:tty`, which brings the whole network with it. */
function mayWait(file: Stats): boolean {
  if (file.isFIFO() || file.isSocket()) return true;
  return file.isCharacterDevice() && file.rdev !== nullDevice();
}

function nullDevice(): number | null {
  try {
    return statSync("/dev/null").rdev;
  } catch {
    return null;
  }
}

/** Null for one that somebody else made, and where there is no /proc. */
function openAnew(descriptor: number): number | null {
  // A terminal must not become the controlling one of a worker that leads its session.
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync(`/proc/self/fd/${descriptor}`, flags);
  } catch {
    return null;
  }
}
