/** What the health command is to ask, and whom. */
import { SUGGESTED_ADDRESS } from "../config/address.ts";
import { ConfigError } from "../config/config-error.ts";
import { valueProblem } from "../config/flag-values.ts";
import type { FlagDefs } from "../config/flags.ts";
import type { Scanned } from "./scan.ts";

export interface HealthQuestion {
  /** HOST:PORT, checked. */
  readonly address: string;
  readonly path: "/healthz" | "/readyz" | "/statusz";
}

/** Throws a ConfigError with every problem. */
export function readHealthQuestion(scanned: Scanned, defs: FlagDefs): HealthQuestion {
  const address = scanned.values.get("address")?.at(-1);
  const def = defs["address"];
  const wrong = address === undefined || def === undefined ? [] : valueProblem("address", def, address);
  const problems = [...scanned.problems, ...wrong];
  if (problems.length > 0) throw new ConfigError(problems);
  const path = scanned.values.has("status")
    ? "/statusz"
    : scanned.values.has("ready")
      ? "/readyz"
      : "/healthz";
  return { address: address ?? SUGGESTED_ADDRESS, path };
}
