import { describe, expect, test } from "bun:test";
import { COMMAND_NAMES, COMMANDS } from "../../../src/cli/commands.ts";
import { type CompletedFlag, completedCommands } from "../../../src/cli/completions/completed-command.ts";
import { renderCompletions } from "../../../src/cli/completions.ts";
import { SHELLS } from "../../../src/cli/completions-request.ts";
import { SHIM_COMMAND } from "../../../src/cli/shim-command.ts";
import { type FlagDef, runFlags } from "../../../src/config/flags.ts";

const commands = completedCommands();

function flagsOf(command: string): readonly CompletedFlag[] {
  return commands.find(({ name }) => name === command)?.flags ?? [];
}

function flagOf(command: string, flag: string): CompletedFlag | undefined {
  return flagsOf(command).find(({ spellings }) => spellings.includes(flag));
}

describe("what is completed", () => {
  test("is every command and every flag that is not hidden, and nothing else", () => {
    expect(commands.map(({ name }) => name)).toEqual([...Object.keys(COMMANDS), "help"] as string[]);
    for (const name of COMMAND_NAMES) {
      const flags = Object.entries<FlagDef>(COMMANDS[name].flags());
      const visible = flags.filter(([, { hidden }]) => !hidden).map(([flag]) => `--${flag}`);
      expect(flagsOf(name).map(({ spellings }) => spellings.at(-1))).toEqual([
        ...visible,
        "--help",
        "--version",
      ]);
    }
  });

  test("is of a flag the path that its name promises, so that a hint of another name is not overlooked", () => {
    for (const name of COMMAND_NAMES) {
      for (const { spellings, value } of flagsOf(name)) {
        const flag = spellings.at(-1) ?? "";
        const kind = /-file$/.test(flag) ? "files" : /-dir$/.test(flag) ? "folders" : null;
        if (kind !== null) expect([flag, value?.choice.kind]).toEqual([flag, kind]);
      }
    }
  });

  test("is a closed value in all its forms, nothing for a free one, and for a switch no value at all", () => {
    expect(flagOf("run", "--log-format")?.value?.choice).toEqual({ kind: "words", words: ["text", "json"] });
    expect(flagOf("dev", "--prompt")).toMatchObject({
      isRepeatable: true,
      value: { choice: { kind: "anything" } },
    });
    expect(flagOf("service", "--print")?.value).toBeNull();
    expect(flagOf("doctor", "-v")?.spellings).toEqual(["-v", "--volumes"]);
  });
});

test.each(SHELLS)("the script for %s names nothing that is hidden", (shell) => {
  const script = renderCompletions(shell);
  const hidden = Object.entries(runFlags()).filter(([, flag]) => flag.hidden);
  expect(hidden.length).toBeGreaterThan(0);
  for (const word of [SHIM_COMMAND, ...hidden.map(([name]) => name)]) expect(script).not.toContain(word);
});
