/**
 * Bun raises its soft limit of open files to the hard one when it starts, and children inherit that.
 * Programs that use select() or close every descriptor up to the limit then break or crawl, so a
 * task gets back the limit that the daemon itself was given.
 */

import { ptr } from "bun:ffi";
import { openCLibrary } from "./c-library.ts";

const RLIMIT_NOFILE = process.platform === "darwin" ? 8 : 7;
/** Runs `work` with the soft limit lowered; children started in it keep the lower one. */
export type LimitScope = <T>(soft: number, work: () => T) => T;

/** Null where the C library cannot be reached. */
export function openFilesLimitScope(): LimitScope | null {
  const library = openCLibrary({
    getrlimit: { args: ["i32", "ptr"], returns: "i32" },
    setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  });
  if (library === null) return null;
  return scopeOver(
    (limit) => library.getrlimit(RLIMIT_NOFILE, ptr(limit)) === 0,
    (limit) => library.setrlimit(RLIMIT_NOFILE, ptr(limit)) === 0,
  );
}

/** The kernel's struct rlimit: soft, then hard. */
type Limit = BigUint64Array;

function scopeOver(get: (limit: Limit) => boolean, set: (limit: Limit) => boolean): LimitScope {
  return (soft, work) => {
    const limit = new BigUint64Array(2);
    if (!get(limit) || (limit[0] ?? 0n) <= BigInt(soft)) return work();
    const raised = limit[0] ?? 0n;
    limit[0] = BigInt(soft);
    set(limit);
    try {
      return work();
    } finally {
      limit[0] = raised;
      set(limit);
    }
  };
}
