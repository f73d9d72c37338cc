/** The completion scripts, read and driven by the shells that they are for. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { findBashCompletion, findShell } from "../../scripts/services/shells.ts";
import { COMMAND_NAMES, COMMANDS } from "../../src/cli/commands.ts";
import { bashCompletions } from "../../src/cli/completions/bash.ts";
import type { CompletedCommand } from "../../src/cli/completions/completed-command.ts";
import { fishCompletions } from "../../src/cli/completions/fish.ts";
import { zshCompletions } from "../../src/cli/completions/zsh.ts";
import { renderCompletions } from "../../src/cli/completions.ts";
import { SHELLS, type Shell } from "../../src/cli/completions-request.ts";
import { COMMON_FLAGS } from "../../src/cli/scan.ts";
import { BACKEND_KINDS, type FlagDef } from "../../src/config/flags.ts";
import {
  type CompletingShell,
  envOf,
  foundShell,
  saidBy,
  startCompleting,
  startZsh,
} from "../support/completing-shell.ts";
import { blocksOf } from "../support/install-page.ts";
import { SHELL_SETUP, ShellTerminal } from "../support/shell-terminal.ts";
import { TempDir } from "../support/temp-dir.ts";
import { workerCommand } from "../support/worker-process.ts";

const RENDERERS = { bash: bashCompletions, zsh: zshCompletions, fish: fishCompletions } as const;

/** On a machine of somebody's own it may be missing, which is said; in CI that fails. */
async function isHere(what: string, find: () => Promise<unknown>): Promise<boolean> {
  if (process.env["CI"] === "true" || (await find()) !== null) return true;
  process.stderr.write(
    `skip  completions with ${what}: there is none; CI=true or OZ_TEST_INSTALL=1 fetches it\n`,
  );
  return false;
}

const here: Record<Shell, boolean> = {
  bash: await isHere("bash", () => findShell("bash")),
  zsh: await isHere("zsh", () => findShell("zsh")),
  fish: await isHere("fish", () => findShell("fish")),
};
const isBashCompletionHere = await isHere("bash-completion", findBashCompletion);

const FILES = ["agent.yaml", "worker.yaml"];
const FOLDERS = ["state", "work"];

async function folderIn(dir: TempDir): Promise<string> {
  for (const file of FILES) await dir.write(`here/${file}`, "");
  for (const folder of FOLDERS) await dir.mkdir(`here/${folder}`);
  return dir.join("here");
}

/** What docs/install.md would have in a profile, with the program on the PATH. */
async function documentedProfile(shell: Shell, dir: TempDir): Promise<string> {
  const command = workerCommand().map((word) => `'${word}'`);
  await dir.write("bin/oz-agent-worker", `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`, 0o755);
  const [block = ""] = blocksOf("Completions", 1);
  const line = block.split("\n").find((text) => text.includes(`completions ${shell}`)) ?? "";
  return `export PATH='${dir.join("bin")}':"$PATH"\n${line}`;
}

/** Long ones, of a command and of every command. */
function flagsOf(command: (typeof COMMAND_NAMES)[number]): readonly string[] {
  const flags = Object.entries<FlagDef>({ ...COMMANDS[command].flags(), ...COMMON_FLAGS });
  return flags.filter(([, { hidden }]) => !hidden).map(([name]) => `--${name}`);
}

/** After the program's name. */
const OFFERED: readonly (readonly [line: string, words: readonly string[]])[] = [
  ["", [...COMMAND_NAMES, "help"]],
  ["do", ["doctor"]],
  ["--b", ["--backend"]],
  ["--", flagsOf("run")],
  ...COMMAND_NAMES.map((name) => [`${name} --`, flagsOf(name)] as const),
  ["service install --", flagsOf("service")],
  ["--backend ", BACKEND_KINDS],
  ["--backend=d", ["docker", "direct"]],
  ["--worker-id a:b --env KEY=VALUE --backend k", ["kubernetes"]],
  ["--env KEY= --log-level ", ["debug", "info", "warn", "error"]],
  ["doctor --json --log-format ", ["text", "json"]],
  ["service ", ["install", "uninstall", "status"]],
  ["service --print --config-file x u", ["uninstall"]],
  ["completions ", SHELLS],
  ["completions bash z", []],
  ["help ", COMMAND_NAMES],
  ["--config-file ", [...FILES, ...FOLDERS]],
  ["--config-file=w", ["worker.yaml", "work"]],
  ["--target-dir ", FOLDERS],
  ["run --state-dir=w", ["work"]],
  ["dev --prompt x w", ["worker.yaml", "work"]],
  ["dev a.json w", ["worker.yaml", "work"]],
  ["dev -- a", ["agent.yaml"]],
  ["--worker-id ", []],
  ["--health-address 127.0.0.1:", []],
  ["-e ", []],
  ["-e A --no-cleanup --max-concurrent-tasks ", []],
  ["--web", []],
  ["__", []],
  ["nothing-of-this-name --", []],
];

/** Every character that means something to one of them; one that is run would leave a file. */
const TEXT = 'it\'s "50%" [of: this] \\ $(touch ran) `touch ran` {a,b} * ; | & <x> ~ !';
const ODD: readonly CompletedCommand[] = ["run", "odd"].map((name) => ({
  name,
  description: TEXT,
  flags: [
    {
      spellings: ["-x", "--extra"],
      description: TEXT,
      isRepeatable: false,
      value: { name: TEXT, choice: { kind: "anything" } },
    },
  ],
  operand: null,
}));

describe.each(SHELLS)("in %s", (name) => {
  const can = here[name];
  const told = (text: string) => (name === "bash" ? "" : text);
  let dir: TempDir;
  let shell: CompletingShell;

  beforeAll(async () => {
    dir = await TempDir.create("completions");
    if (can) shell = await startCompleting(name, renderCompletions(name), dir, await folderIn(dir));
  }, 120_000);
  afterAll(async () => {
    if (can) await shell[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  test.if(can)("the script is one that it can read", async () => {
    const file = await dir.write("script", renderCompletions(name));
    expect(saidBy(await foundShell(name), ["-n", file], dir.path)).toBe("");
  });

  test.if(can).each(OFFERED)(
    "after `oz-agent-worker %s` it offers what may stand there",
    async (line, words) => {
      const offers = await shell.offers(`oz-agent-worker ${line}`);
      expect(offers.map(({ word }) => word).toSorted()).toEqual([...words].toSorted());
    },
  );

  test.if(can)("what is offered is told with its description, but for bash, which shows none", async () => {
    expect(await shell.offers("oz-agent-worker --b")).toEqual([
      { word: "--backend", description: told(COMMANDS.run.flags()["backend"]?.description ?? "") },
    ]);
    expect(await shell.offers("oz-agent-worker hea")).toEqual([
      { word: "health", description: told(COMMANDS.health.description) },
    ]);
  });

  test.if(can)("a description is text, whatever it holds", async () => {
    await using other = await TempDir.create("odd");
    const cwd = await other.mkdir("here");
    await using odd = await startCompleting(name, RENDERERS[name](ODD), other, cwd);
    expect(await odd.offers("oz-agent-worker o")).toEqual([{ word: "odd", description: told(TEXT) }]);
    expect(await odd.offers("oz-agent-worker odd --e")).toEqual([
      { word: "--extra", description: told(TEXT) },
    ]);
    expect(await odd.offers("oz-agent-worker --extra ")).toEqual([]);
    expect(readdirSync(cwd)).toEqual([]);
  });
});

/** What was typed before Tab, and the line after it. Ctrl-A goes to its beginning. */
const TABS: readonly (readonly [typed: string, line: string])[] = [
  ["oz-agent-worker --ba", "oz-agent-worker --backend "],
  ["oz-agent-worker --backend=do", "oz-agent-worker --backend=docker "],
  [" --log-level info\u0001oz-agent-worker --ba", "oz-agent-worker --backend --log-level info"],
  ["FOO=x /usr/bin/oz-agent-worker service ins", "FOO=x /usr/bin/oz-agent-worker service install "],
  ["oz-agent-worker --config-file=worker", "oz-agent-worker --config-file=worker.yaml "],
  ["oz-agent-worker --config-file my", "oz-agent-worker --config-file my\\ file.yaml "],
  ['oz-agent-worker --config-file "my f', 'oz-agent-worker --config-file "my file.yaml" '],
  ["oz-agent-worker --config-file ~/ag", "oz-agent-worker --config-file ~/agent.yaml "],
  ["oz-agent-worker --state-dir ~/s", "oz-agent-worker --state-dir ~/state/"],
  ["oz-agent-worker --worker-id w", "oz-agent-worker --worker-id w"],
];

interface Bash {
  readonly which: string;
  readonly can: boolean;
  /** In its profile, before the script is read. */
  readonly profile: () => Promise<string>;
  readonly tabs: typeof TABS;
}

const BASHES: readonly Bash[] = [
  { which: "without bash-completion", can: here.bash, profile: async () => "", tabs: TABS },
  {
    which: "with bash-completion",
    can: here.bash && isBashCompletionHere,
    profile: async () => `source '${await findBashCompletion()}'`,
    tabs: [...TABS, ["sudo oz-agent-worker ser", "sudo oz-agent-worker service "]],
  },
  {
    which: "that does not cut words at =",
    can: here.bash,
    profile: async () => "COMP_WORDBREAKS=' :'",
    tabs: [
      ["oz-agent-worker --backend=do", "oz-agent-worker --backend=docker "],
      ["oz-agent-worker --config-file=worker", "oz-agent-worker --config-file=worker.yaml "],
      ["oz-agent-worker -e A= --log-fo", "oz-agent-worker -e A= --log-format "],
    ],
  },
  {
    which: "without compopt, as 3.2 of macOS is",
    can: here.bash,
    profile: async () => "enable -n compopt",
    tabs: [
      ["oz-agent-worker --config-file=worker", "oz-agent-worker --config-file=worker.yaml "],
      ["oz-agent-worker --state-dir ~/s", "oz-agent-worker --state-dir ~/state "],
    ],
  },
];

describe.each(BASHES)("Tab in a bash $which", ({ can, profile, tabs }) => {
  let dir: TempDir;
  let terminal: ShellTerminal;

  beforeAll(async () => {
    dir = await TempDir.create("tab");
    if (!can) return;
    const program = await foundShell("bash");
    const lines = [await profile(), await documentedProfile("bash", dir), SHELL_SETUP.bash];
    const file = await dir.write("bashrc", `${lines.join("\n")}\n`);
    const cwd = await folderIn(dir);
    await dir.write("here/my file.yaml", "");
    const argv = [program.path, "--noprofile", "--rcfile", file, "-i"];
    terminal = await ShellTerminal.start(argv, cwd, envOf(program, cwd));
  }, 120_000);
  afterAll(async () => {
    if (can) await terminal[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  test.if(can).each(tabs)("makes of `%s` `%s`", async (typed, line) => {
    expect((await terminal.type(`${typed}\t`)).line).toBe(line);
  });
});

test.if(here.zsh)("in zsh the line of the documentation does as well as a file of fpath", async () => {
  await using dir = await TempDir.create("eval");
  const profile = await documentedProfile("zsh", dir);
  await using terminal = await startZsh(await foundShell("zsh"), dir, await folderIn(dir), profile);
  for (const [typed, line] of [
    ["oz-agent-worker --backend=do", "oz-agent-worker --backend=docker "],
    ["oz-agent-worker --target-dir w", "oz-agent-worker --target-dir work/"],
    ["sudo oz-agent-worker service ins", "sudo oz-agent-worker service install "],
  ] as const) {
    expect((await terminal.type(`${typed}\t`)).line).toBe(line);
  }
});

test.if(here.fish)("in fish, too", async () => {
  await using dir = await TempDir.create("source");
  const profile = await documentedProfile("fish", dir);
  const asked = `${profile}\ncomplete -C 'oz-agent-worker --backend k'`;
  const said = saidBy(await foundShell("fish"), ["--no-config", "-c", asked], dir.path);
  expect(said).toStartWith("kubernetes\t");
});

const shellcheck = Bun.which("shellcheck");
if (shellcheck === null)
  process.stderr.write(
    "skip  shellcheck of completions: there is none; CI=true or OZ_TEST_INSTALL=1 fetches it\n",
  );

test.if(shellcheck !== null)("shellcheck finds nothing in the script for bash", () => {
  const stdin = Buffer.from(renderCompletions("bash"));
  const { stdout } = Bun.spawnSync([shellcheck ?? "", "--shell=bash", "-"], { stdin });
  expect(stdout.toString()).toBe("");
});
