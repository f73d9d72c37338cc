/** Which shell the completions command is asked for. */
import { ConfigError } from "../config/config-error.ts";
import type { Scanned } from "./scan.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export interface CompletionsRequest {
  readonly shell: Shell;
}

/** Throws a ConfigError with every problem. */
export function readCompletionsRequest({ positionals, problems }: Scanned): CompletionsRequest {
  const [first, ...more] = positionals;
  const shell = SHELLS.find((known) => known === first);
  const wrong = shell === undefined || more.length > 0 ? [shellProblem(first, more)] : [];
  const all = [...problems, ...wrong];
  if (shell === undefined || all.length > 0) throw new ConfigError(all);
  return { shell };
}

function shellProblem(given: string | undefined, more: readonly string[]): string {
  const choice = `completions takes one of ${SHELLS.join(", ")}`;
  if (given === undefined) return `No shell is given; ${choice}`;
  if (more.length > 0) return `Unexpected argument ${JSON.stringify(more[0])}; ${choice}`;
  return `Unknown shell ${JSON.stringify(given)}; ${choice}`;
}
