/** What there is to complete, for no shell in particular: from the definitions that the command line is parsed by. */
import type { FlagDef } from "../../config/flags.ts";
import { COMMAND_NAMES, COMMANDS, type CommandInfo, type CommandName, type Operand } from "../commands.ts";
import { COMMON_FLAGS } from "../scan.ts";

/** What may stand in one place of a command line. */
export type Choice =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" }
  | { readonly kind: "folders" }
  /** A number, a name, a text: a shell has nothing to offer. */
  | { readonly kind: "anything" };

export interface CompletedFlag {
  /** As they are written, the short one first: `-v`, `--volumes`. */
  readonly spellings: readonly string[];
  readonly description: string;
  readonly isRepeatable: boolean;
  /** Null: a switch. */
  readonly value: { readonly name: string; readonly choice: Choice } | null;
}

export interface CompletedOperand {
  readonly name: string;
  readonly isRepeatable: boolean;
  readonly choice: Choice;
}

export interface CompletedCommand {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly CompletedFlag[];
  readonly operand: CompletedOperand | null;
}

/** The command that a command line without one means. */
export const WITHOUT_COMMAND: CommandName = "run";

const PATHS: Readonly<Record<string, Choice>> = {
  PATH: { kind: "files" },
  FILE: { kind: "files" },
  DIR: { kind: "folders" },
};

/** `help` among them, which is none of the table. */
export function completedCommands(): readonly CompletedCommand[] {
  return [
    ...COMMAND_NAMES.map(completedCommand),
    {
      name: "help",
      description: "Show the help of a command",
      flags: [],
      operand: { name: "command", isRepeatable: false, choice: { kind: "words", words: COMMAND_NAMES } },
    },
  ];
}

function completedCommand(name: CommandName): CompletedCommand {
  const { description, flags, operand }: CommandInfo = COMMANDS[name];
  const visible = Object.entries<FlagDef>({ ...flags(), ...COMMON_FLAGS }).filter(
    ([, { hidden }]) => !hidden,
  );
  return {
    name,
    description,
    flags: visible.map(([flag, def]) => completedFlag(flag, def)),
    operand: operand === undefined ? null : completedOperand(operand),
  };
}

function completedFlag(name: string, def: FlagDef): CompletedFlag {
  return {
    spellings: [...(typeof def.alias === "string" ? [`-${def.alias}`] : []), `--${name}`],
    description: def.description ?? "",
    isRepeatable: def.multiple === true,
    value:
      def.type === "boolean"
        ? null
        : { name: def.valueHint ?? name.replaceAll("-", " "), choice: choiceOf(def) },
  };
}

function choiceOf(def: FlagDef): Choice {
  if (def.type === "enum") return { kind: "words", words: def.options ?? [] };
  return PATHS[def.valueHint ?? ""] ?? { kind: "anything" };
}

function completedOperand({ name, options }: Operand): CompletedOperand {
  const choice: Choice = options === null ? { kind: "files" } : { kind: "words", words: options };
  return { name, isRepeatable: options === null, choice };
}
