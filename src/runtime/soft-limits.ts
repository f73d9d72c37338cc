/**
 * What a child is to have another soft limit of than this process. Bun raises its own of open files to the hard one
 * when it starts, and children inherit that. Programs that use select() or close every descriptor up to the limit
 * then break or crawl, so a task gets back the limit that the daemon itself was given.
 */

import { foreignFunctions, openCLibrary } from "./c-library.ts";
import { limitScopeOver, type SoftLimits } from "./limit-scope.ts";

/** Null where the C library cannot be reached. */
export function openSoftLimits(): SoftLimits | null {
  const library = openCLibrary({
    getrlimit: { args: ["i32", "ptr"], returns: "i32" },
    setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  });
  if (library === null) return null;
  const { ptr } = foreignFunctions();
  return (resource) =>
    limitScopeOver(
      (limit) => library.getrlimit(resource, ptr(limit)) === 0,
      (limit) => library.setrlimit(resource, ptr(limit)) === 0,
    );
}
