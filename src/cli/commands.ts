/** The commands and what each takes. */
import { type FlagDefs, runFlags } from "../config/flags.ts";
import { DEV_FLAGS } from "./dev-flags.ts";

export interface CommandInfo {
  readonly description: string;
  readonly flags: () => FlagDefs;
  /** What a stranger would type. */
  readonly examples: readonly string[];
}

export const VERSION_FLAGS = {
  json: { type: "boolean", description: "As one JSON object" },
} satisfies FlagDefs;

export const COMMANDS = {
  run: {
    description: "Start the worker (the default)",
    flags: runFlags,
    examples: [
      "WARP_API_KEY=... oz-agent-worker --worker-id my-worker --backend direct",
      "oz-agent-worker --config-file /etc/oz/worker.yaml --api-key-file /etc/oz/key",
      "oz-agent-worker --worker-id my-worker -v /opt/cache:/cache:ro -e NPM_TOKEN   (docker)",
    ],
  },
  version: {
    description: "Show the version",
    flags: () => VERSION_FLAGS,
    examples: ["oz-agent-worker version --json"],
  },
  dev: {
    description: "Try a configuration against a local control plane, without an account",
    flags: () => ({ ...DEV_FLAGS, ...runFlags() }),
    examples: [
      'oz-agent-worker dev --backend direct --prompt "Fix the tests" --exit-when-done',
      "oz-agent-worker dev --config-file worker.yaml assignment.json",
    ],
  },
} as const satisfies Readonly<Record<string, CommandInfo>>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = ["run", "version", "dev"];

export function commandNamed(name: string): CommandName | null {
  return COMMAND_NAMES.find((known) => known === name) ?? null;
}
