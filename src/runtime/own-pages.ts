/** The pages of this very executable that are in memory: most of what the process is shown to hold. */
import { readFileSync, readlinkSync } from "node:fs";
import { openCLibrary } from "./c-library.ts";
import { unchangedMappings } from "./mappings.ts";
import { ownExecutable } from "./own-executable.ts";

/** Of madvise(2): first to be evicted, and not mapped any more. */
const COLD = 20;
const DONT_NEED = 4;

/**
 * What gives them back: those that are used again come back from the page cache, some microseconds each.
 * They are made cold before, or the kernel would take each for one that was in use until now, and evict
 * what others use. Null where this cannot be done.
 */
export function openOwnPages(): (() => void) | null {
  if (process.platform !== "linux" || isEmulated()) return null;
  const library = openCLibrary({ madvise: { args: ["u64", "u64", "i32"], returns: "i32" } });
  if (library === null) return null;
  return () => {
    for (const { start, bytes } of ownMappings()) {
      for (const advice of [COLD, DONT_NEED]) library.madvise(start, bytes, advice);
    }
  };
}

/** By its number: what an emulator shows under /proc/self is made up. */
const PROC = `/proc/${process.pid}`;

/** None where /proc does not tell. */
function ownMappings() {
  try {
    return unchangedMappings(readFileSync(`${PROC}/smaps`, "latin1"), readlinkSync(`${PROC}/exe`));
  } catch {
    return [];
  }
}

/** The kernel's addresses are the emulator's then, and in here something else may be at them. */
function isEmulated(): boolean {
  return ownExecutable(`${PROC}/exe`, process.execPath) !== `${PROC}/exe`;
}
