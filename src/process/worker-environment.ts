/** The worker's own environment, for what the operator's commands run in. */
import { runtimeOf } from "../runtime/self.ts";

export type Environment = Readonly<Record<string, string>>;

/** BUN_OPTIONS and its like would change how any other Bun program behaves that a command starts. */
const ALWAYS = /^BUN_/;
/** Under Deno its variables are this program's; elsewhere they are for programs that the operator starts. */
const UNDER_DENO = /^(?:BUN|DENO)_/;

export function withoutRuntimeVariables(environment: Environment): Environment {
  const own = runtimeOf().name === "deno" ? UNDER_DENO : ALWAYS;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !own.test(name)));
}

/** For programs of others that help the worker (ssh, credential helpers): its key is none of their business. */
export function forHelpers(environment: Readonly<Record<string, string | undefined>>): Environment {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== "WARP_API_KEY",
  );
  return withoutRuntimeVariables(Object.fromEntries(entries));
}
