/** Deno raises its soft limit of open files when it starts, as Bun does: see the file of this name above. */
import { type LimitScope, limitScopeOver, RLIMIT_NOFILE } from "../limit-scope.ts";
import { openCFunctions } from "./c-functions.ts";

const LIMIT_CALL = { parameters: ["i32", "buffer"], result: "i32" } as const;

export function openFilesLimitScope(): LimitScope | null {
  const library = openCFunctions({ getrlimit: LIMIT_CALL, setrlimit: LIMIT_CALL });
  if (library === null) return null;
  return limitScopeOver(
    (limit) => library.getrlimit(RLIMIT_NOFILE, limit) === 0,
    (limit) => library.setrlimit(RLIMIT_NOFILE, limit) === 0,
  );
}
