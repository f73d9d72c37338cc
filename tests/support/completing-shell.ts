/** What a real shell offers for a command line, once it has read one of our scripts. */
import { findShell, type ShellProgram } from "../../scripts/services/shells.ts";
import type { Shell } from "../../src/cli/completions-request.ts";
import { SHELL_SETUP, ShellTerminal } from "./shell-terminal.ts";
import type { TempDir } from "./temp-dir.ts";

export interface Offer {
  /** As it would stand in the line; a folder without the slash at its end. */
  readonly word: string;
  readonly description: string;
}

export interface CompletingShell extends AsyncDisposable {
  offers(line: string): Promise<readonly Offer[]>;
}

/** In a folder whose files and folders it may offer. */
export async function startCompleting(
  shell: Shell,
  script: string,
  dir: TempDir,
  cwd: string,
): Promise<CompletingShell> {
  const program = await foundShell(shell);
  switch (shell) {
    case "bash":
      return calling((line) => offersOfBash(program, script, line, cwd));
    case "fish":
      return calling((line) => offersOfFish(program, script, line, { cwd, home: dir.path }));
    case "zsh": {
      await dir.write("functions/_oz-agent-worker", script);
      const terminal = await startZsh(program, dir, cwd);
      return {
        offers: async (line) => (await terminal.type(`${line}\u0004`)).lines.flatMap(offersOfZsh),
        [Symbol.asyncDispose]: () => terminal[Symbol.asyncDispose](),
      };
    }
    default:
      return shell satisfies never;
  }
}

/** With the functions in `functions/` of the folder, and these lines in its profile. Ctrl-D lists, Tab completes. */
export async function startZsh(
  program: ShellProgram,
  dir: TempDir,
  cwd: string,
  profile = "",
): Promise<ShellTerminal> {
  await dir.write(".zshenv", program.preamble);
  const lines = [
    `fpath+=('${dir.join("functions")}')`,
    "autoload -Uz compinit; compinit -D -u",
    profile,
    "LISTMAX=10000",
    SHELL_SETUP.zsh,
  ];
  await dir.write(".zshrc", `${lines.join("\n")}\n`);
  return await ShellTerminal.start(
    [program.path, "-i"],
    cwd,
    envOf(program, dir.path, { ZDOTDIR: dir.path }),
  );
}

/** Throws where it is not here: whoever asks has looked. */
export async function foundShell(shell: Shell): Promise<ShellProgram> {
  const program = await findShell(shell);
  if (program === null) throw new Error(`There is no ${shell} here`);
  return program;
}

export function envOf(program: ShellProgram, home: string, env: Readonly<Record<string, string>> = {}) {
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: home, ...program.env, ...env };
}

/** All that a shell with these arguments says. */
export function saidBy(
  program: ShellProgram,
  args: readonly string[],
  cwd: string,
  home: string = cwd,
): string {
  const argv = [program.path, ...args];
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv, {
    cwd,
    env: envOf(program, home),
    stdin: "ignore",
  });
  if (exitCode !== 0 || stderr.length > 0)
    throw new Error(`${argv.join(" ")} ended with status ${exitCode}: ${stderr}${stdout}`);
  return stdout.toString();
}

function calling(offers: (line: string) => readonly Offer[]): CompletingShell {
  return { offers: async (line) => offers(line), [Symbol.asyncDispose]: async () => {} };
}

/** As readline calls it: in a line it has cut at `=` and `:`, too. */
const CALL_IN_BASH = `
eval "$1"
COMP_LINE=$2 COMP_POINT=\${#2} COMP_WORDS=("\${@:3}") COMP_CWORD=$(($# - 3))
_oz_agent_worker "$3" "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD - 1]}"
[[ \${#COMPREPLY[@]} -eq 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"`;

function offersOfBash(program: ShellProgram, script: string, line: string, cwd: string): readonly Offer[] {
  const words: string[] = line.match(/[=:]+|[^\s=:]+/g) ?? [];
  if (line.endsWith(" ")) words.push("");
  const options = ["--norc", "--noprofile", "-u", "-c", CALL_IN_BASH];
  const said = saidBy(program, [...options, "bash", script, line, ...words], cwd);
  return linesOf(said).map((word) => ({ word, description: "" }));
}

function offersOfFish(
  program: ShellProgram,
  script: string,
  line: string,
  { cwd, home }: { readonly cwd: string; readonly home: string },
): readonly Offer[] {
  const call = "echo -n $argv[1] | source; complete -C $argv[2]";
  return linesOf(saidBy(program, ["--no-config", "-c", call, "--", script, line], cwd, home)).map((text) => {
    const [word = "", description = ""] = text.split("\t");
    // The others offer the value alone.
    return { word: word.replace(/^--[\w-]+=|\/$/g, ""), description };
  });
}

/** `--env  -e  -- DESCRIPTION`, or words side by side. */
function offersOfZsh(text: string): readonly Offer[] {
  const [words = "", description = ""] = text.split(/ +-- /);
  return words
    .trim()
    .split(/ +/)
    .map((word) => ({ word: word.replace(/\/$/, ""), description }));
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
