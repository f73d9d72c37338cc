/** Shell scripts are POSIX, can be run, and shellcheck has nothing to say. */
import { join } from "node:path";
import { unpackPackages } from "../services/debian-packages.ts";
import { mayProvide, Unavailable } from "../services/service.ts";
import type { Finding, Rule, Skip } from "./rule.ts";
import type { RepositoryFile, Tree } from "./tree.ts";

export const shellSyntax: Rule = {
  name: "shell-syntax",
  about: "shell scripts are POSIX sh, executable, and parse",
  check: (tree) => shellScripts(tree).flatMap((file) => checkScript(tree.root, file)),
};

export const shellCheck: Rule = {
  name: "shellcheck",
  about: "shellcheck warns of nothing",
  check: runShellCheck,
};

function shellScripts(tree: Tree): RepositoryFile[] {
  return tree.files.filter(({ path, text }) => /\.sh$/.test(path) || /^#!.*\b(?:ba|da|k|z)?sh\b/.test(text));
}

function checkScript(root: string, { path, text, executable }: RepositoryFile): Finding[] {
  const at = { file: path, line: 1 };
  const findings: Finding[] = [];
  if (!/^#!\/bin\/sh\n/.test(text)) {
    findings.push({ ...at, what: "does not start with #!/bin/sh", todo: "write POSIX sh and say so" });
  }
  if (!executable) findings.push({ ...at, what: "is not executable", todo: "chmod +x" });
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-n", join(root, path)], { stdin: "ignore" });
  if (exitCode !== 0) findings.push({ ...at, what: stderr.toString().trim(), todo: "make it parse" });
  return findings;
}

async function runShellCheck(tree: Tree): Promise<Finding[] | Skip> {
  const found = await findShellCheck();
  if (Array.isArray(found) || "skipped" in found) return found;
  const { program, env } = found;
  const paths = shellScripts(tree).map(({ path }) => path);
  if (paths.length === 0) return [];
  const command = [
    program,
    "--shell=sh",
    "--external-sources",
    "--severity=warning",
    "--format=gcc",
    ...paths,
  ];
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, {
    cwd: tree.root,
    env: { ...process.env, ...env },
  });
  const findings = stdout.toString().split("\n").flatMap(readGccLine);
  if (exitCode === 0 || findings.length > 0) return findings;
  return [{ file: "scripts", line: 1, what: `shellcheck: ${stderr.toString().trim()}`, todo: "make it run" }];
}

interface ShellCheck {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Where it is not installed it is fetched, if that is allowed: a CI without it would check less and be green. */
async function findShellCheck(): Promise<ShellCheck | Finding[] | Skip> {
  const installed = Bun.which("shellcheck");
  if (installed !== null) return { program: installed, env: {} };
  if (!mayProvide()) return { skipped: "shellcheck is not installed" };
  try {
    const { root, env } = await unpackPackages("shellcheck", ["shellcheck", "libffi8", "libgmp10"]);
    return { program: join(root, "usr/bin/shellcheck"), env };
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    if (process.env["CI"] !== "true") return { skipped: error.message };
    return [{ file: "scripts", line: 1, what: error.message, todo: "install shellcheck" }];
  }
}

/** `path:line:column: level: words [SC1234]` */
function readGccLine(text: string): Finding[] {
  const [, file = "", line = "1", what = ""] = /^(.+?):(\d+):\d+: (.+)$/.exec(text) ?? [];
  return file === ""
    ? []
    : [{ file, line: Number(line), what, todo: "see the wiki of shellcheck for this number" }];
}
