/** Shell scripts are POSIX, can be run, and shellcheck has nothing to say. */
import { join } from "node:path";
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

function runShellCheck(tree: Tree): Finding[] | Skip {
  // By the PATH of now: left to itself, Bun looks at the one that it was started with.
  const program = Bun.which("shellcheck", { PATH: process.env["PATH"] ?? "" });
  if (program === null) return { skipped: "shellcheck is not installed" };
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
  const { stdout, stderr, exitCode } = Bun.spawnSync(command, { cwd: tree.root });
  const findings = stdout.toString().split("\n").flatMap(readGccLine);
  if (exitCode === 0 || findings.length > 0) return findings;
  return [{ file: "scripts", line: 1, what: `shellcheck: ${stderr.toString().trim()}`, todo: "make it run" }];
}

/** `path:line:column: level: words [SC1234]` */
function readGccLine(text: string): Finding[] {
  const [, file = "", line = "1", what = ""] = /^(.+?):(\d+):\d+: (.+)$/.exec(text) ?? [];
  return file === ""
    ? []
    : [{ file, line: Number(line), what, todo: "see the wiki of shellcheck for this number" }];
}
