/** The help, from the same definitions that the command line is parsed by. */
import { stripVTControlCharacters } from "node:util";
import type { ArgsDef, CommandDef } from "citty";
import { BUILD } from "../build-info.ts";
import type { FlagDefs } from "../config/flags.ts";
import { COMMAND_NAMES, COMMANDS, type CommandInfo, type CommandName, type Operand } from "./commands.ts";
import { COMMON_FLAGS } from "./scan.ts";

const PROGRAM = "oz-agent-worker";
const ABOUT = "Runs cloud agents on your own machines";

/**
 * @param topic null: the program as a whole, which is `run` and the list of commands
 * @param colour false: plain text, as for a pipe
 * Without a newline at its end.
 */
export async function renderHelp(topic: CommandName | null, colour: boolean): Promise<string> {
  // Loaded only when someone asks.
  const { renderUsage } = await import("citty");
  const command: CommandInfo = COMMANDS[topic ?? "run"];
  const usage = await renderUsage({
    meta: {
      name: topic === null ? PROGRAM : `${PROGRAM} ${topic}`,
      version: BUILD.version,
      description: topic === null ? ABOUT : command.description,
    },
    args: {
      ...positional(command.operand),
      ...visible({ ...command.flags(), ...COMMON_FLAGS }),
    },
    ...(topic === null ? { subCommands: subCommands() } : {}),
  });
  const names = COMMAND_NAMES.join("|");
  // citty writes the commands last; this program wants them first.
  const ordered = usage.replace(`[OPTIONS] ${names}`, `[${names}] [OPTIONS]`);
  const text = `${ordered}\n\n${examples(command.examples)}`;
  // Its columns end in spaces, and its sections in more lines than one.
  const plain = stripVTControlCharacters(text)
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n");
  return colour ? text : plain;
}

function positional(operand: Operand | undefined): ArgsDef {
  if (operand === undefined) return {};
  const { name, description, options } = operand;
  return { [name]: { type: "positional", required: options !== null, description } };
}

function visible(defs: FlagDefs): ArgsDef {
  return Object.fromEntries(Object.entries(defs).filter(([, def]) => !def.hidden));
}

function subCommands(): Record<string, CommandDef> {
  const meta = (name: CommandName): CommandDef => ({ meta: { description: COMMANDS[name].description } });
  return Object.fromEntries(COMMAND_NAMES.map((name) => [name, meta(name)]));
}

function examples(lines: readonly string[]): string {
  return `EXAMPLES\n\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
