/** The worker's own environment, for what the operator's commands run in. */
import { runtimeOf } from "../runtime/self.ts";

export type Environment = Readonly<Record<string, string>>;

/**
 * BUN_OPTIONS and its like would change how any other Bun program behaves that a command starts; and what systemd
 * tells this process of itself, how a podman does.
 */
const ALWAYS = /^(?:BUN_|(?:NOTIFY_SOCKET|WATCHDOG_PID|WATCHDOG_USEC)$)/;
/** Under Deno its variables are this program's; elsewhere they are for programs that the operator starts. */
const UNDER_DENO = /^DENO_/;

export function withoutOwnVariables(environment: Environment): Environment {
  const underDeno = runtimeOf().name === "deno";
  const isOwn = (name: string) => ALWAYS.test(name) || (underDeno && UNDER_DENO.test(name));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isOwn(name)));
}

/** For programs of others that help the worker (ssh, credential helpers): its key is none of their business. */
export function forHelpers(environment: Readonly<Record<string, string | undefined>>): Environment {
  const entries = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== "WARP_API_KEY",
  );
  return withoutOwnVariables(Object.fromEntries(entries));
}
