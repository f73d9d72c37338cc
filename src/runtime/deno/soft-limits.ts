/** Deno raises its soft limit of open files when it starts, as Bun does: see the file of this name above. */
import { limitScopeOver, type SoftLimits } from "../limit-scope.ts";
import { openCFunctions } from "./c-functions.ts";

const LIMIT_CALL = { parameters: ["i32", "buffer"], result: "i32" } as const;

export function openSoftLimits(): SoftLimits | null {
  const library = openCFunctions({ getrlimit: LIMIT_CALL, setrlimit: LIMIT_CALL });
  if (library === null) return null;
  return (resource) =>
    limitScopeOver(
      (limit) => library.getrlimit(resource, limit) === 0,
      (limit) => library.setrlimit(resource, limit) === 0,
    );
}
