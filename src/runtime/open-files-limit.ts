/**
 * Bun raises its soft limit of open files to the hard one when it starts, and children inherit that.
 * Programs that use select() or close every descriptor up to the limit then break or crawl, so a
 * task gets back the limit that the daemon itself was given.
 */

import { dlopen, ptr } from "bun:ffi";

const RLIMIT_NOFILE = process.platform === "darwin" ? 8 : 7;
const LIBRARIES = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libSystem.B.dylib",
] as const;
/** Runs `work` with the soft limit lowered; children started in it keep the lower one. */
export type LimitScope = <T>(soft: number, work: () => T) => T;

/** Null where the C library cannot be reached. */
export function openFilesLimitScope(): LimitScope | null {
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        getrlimit: { args: ["i32", "ptr"], returns: "i32" },
        setrlimit: { args: ["i32", "ptr"], returns: "i32" },
      });
      return scopeOver(
        (limit) => symbols.getrlimit(RLIMIT_NOFILE, ptr(limit)) === 0,
        (limit) => symbols.setrlimit(RLIMIT_NOFILE, ptr(limit)) === 0,
      );
    } catch {
      // Not this platform's name of the C library.
    }
  }
  return null;
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
