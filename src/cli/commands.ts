/** The commands and what each takes. */
import { SUGGESTED_ADDRESS } from "../config/address.ts";
import { address } from "../config/field.ts";
import { type FlagDefs, runFlags } from "../config/flags.ts";
import { SHELLS } from "./completions-request.ts";
import { DEV_FLAGS } from "./dev-flags.ts";
import { SERVICE_ACTIONS, SERVICE_FLAGS } from "./service-request.ts";

/** What a command takes beside flags. */
export interface Operand {
  readonly name: string;
  readonly description: string;
  /** All that it may be, once; null: files, as many as one likes. */
  readonly options: readonly string[] | null;
}

export interface CommandInfo {
  readonly description: string;
  readonly flags: () => FlagDefs;
  readonly operand?: Operand;
  /** What a stranger would type. */
  readonly examples: readonly string[];
}

const VERSION_FLAGS = {
  json: { type: "boolean", description: "As one JSON object" },
} satisfies FlagDefs;

const DOCTOR_FLAGS = {
  "config-only": {
    type: "boolean",
    description: "Look at flags and config file alone: no key is read, nobody is asked",
  },
  json: { type: "boolean", description: "Tell it as one JSON object" },
} satisfies FlagDefs;

const HEALTH_FLAGS = {
  address: {
    type: "string",
    valueHint: "HOST:PORT",
    description: "The worker's health_address",
    default: SUGGESTED_ADDRESS,
    schema: address,
  },
  ready: { type: "boolean", description: "Is it connected and taking tasks, rather than only alive?" },
  status: { type: "boolean", description: "Show all that it tells, as JSON" },
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
  doctor: {
    description: "Look at all that a start and a connection need, and tell what is wrong",
    flags: () => ({ ...DOCTOR_FLAGS, ...runFlags() }),
    examples: [
      "oz-agent-worker doctor --config-file /etc/oz/worker.yaml",
      "oz-agent-worker doctor --config-only --config-file worker.yaml",
      "WARP_API_KEY=... oz-agent-worker doctor --worker-id my-worker --backend direct --json",
    ],
  },
  version: {
    description: "Show the version",
    flags: () => VERSION_FLAGS,
    examples: ["oz-agent-worker version --json"],
  },
  health: {
    description: "Ask a running worker how it is: exit status 0 for well, 1 for not",
    flags: () => HEALTH_FLAGS,
    examples: ["oz-agent-worker health --address 127.0.0.1:8152", "oz-agent-worker health --ready"],
  },
  service: {
    description: "Make the worker a service of this host: install, uninstall or status",
    flags: () => SERVICE_FLAGS,
    operand: { name: "action", description: "install, uninstall or status", options: SERVICE_ACTIONS },
    examples: [
      "sudo oz-agent-worker service install --config-file /etc/oz-agent-worker/config.yaml",
      "oz-agent-worker service install --print",
    ],
  },
  dev: {
    description: "Try a configuration against a local control plane, without an account",
    flags: () => ({ ...DEV_FLAGS, ...runFlags() }),
    operand: { name: "files", description: "Assignment files in JSON", options: null },
    examples: [
      'oz-agent-worker dev --backend direct --prompt "Fix the tests" --exit-when-done',
      "oz-agent-worker dev --config-file worker.yaml assignment.json",
    ],
  },
  completions: {
    description: "Print a script by which a shell completes commands, flags and values",
    flags: () => ({}),
    operand: { name: "shell", description: SHELLS.join(", "), options: SHELLS },
    examples: [
      'eval "$(oz-agent-worker completions bash)"   (in ~/.bashrc; zsh: in ~/.zshrc, after compinit)',
      "oz-agent-worker completions fish | source   (in ~/.config/fish/config.fish)",
    ],
  },
} as const satisfies Readonly<Record<string, CommandInfo>>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = [
  "run",
  "doctor",
  "version",
  "health",
  "service",
  "dev",
  "completions",
];

export function commandNamed(name: string): CommandName | null {
  return COMMAND_NAMES.find((known) => known === name) ?? null;
}
