/** Rules that a program of others applies: the compiler, the linter, our own generator. */
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Finding, Rule, Skip } from "./rule.ts";

const BIOME = "node_modules/@biomejs/biome/bin/biome";

export const types: Rule = {
  name: "types",
  about: "tsc finds no error",
  async check({ root }) {
    const program = join(root, "node_modules/typescript/bin/tsc");
    const { failed, output } = await run(root, [program, "-p", ".", "--pretty", "false"]);
    return explain(failed, output, "tsc", readCompilerLine);
  },
};

export const lint: Rule = {
  name: "lint-and-format",
  about: "biome finds nothing to lint or format",
  async check({ root }) {
    const options = ["--error-on-warnings", "--max-diagnostics=200", "--reporter=github"];
    const { failed, output } = await run(root, [join(root, BIOME), "check", ...options]);
    return explain(failed, output, "biome", (line) => readAnnotation(root, line));
  },
};

/** Formats and applies the linter's safe fixes; what is left is for the rules to say. */
export async function applyFixes(root: string): Promise<void> {
  await run(root, [join(root, BIOME), "check", "--write"]);
}

export const generated: Rule = {
  name: "generated",
  about: "what is generated from the schema is up to date",
  async check({ root }): Promise<Finding[] | Skip> {
    const program = join(root, "scripts/generate.ts");
    if (!existsSync(program)) return { skipped: "there is no scripts/generate.ts" };
    const { failed, output } = await run(root, [program, "--check"]);
    return explain(failed, output, "scripts/generate.ts", () => []);
  },
};

/** With this Bun, not with whatever `node` the programs' first lines ask for. */
async function run(root: string, argv: string[]): Promise<{ failed: boolean; output: string }> {
  const child = Bun.spawn([process.execPath, ...argv], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { failed: (await child.exited) !== 0, output: `${stdout}\n${stderr}` };
}

/** A program that fails without a line that we can read still fails, with its own words. */
function explain(
  failed: boolean,
  output: string,
  program: string,
  read: (line: string) => Finding[],
): Finding[] {
  if (!failed) return [];
  const findings = output.split("\n").flatMap(read);
  if (findings.length > 0) return findings;
  const words = output.trim().split("\n").slice(0, 20).join("\n      ");
  return [{ file: program, line: 1, what: words, todo: `make ${program} content` }];
}

/** `path(line,column): error TS1234: words` */
function readCompilerLine(text: string): Finding[] {
  const [, file = "", line = "1", what = ""] = /^(.+?)\((\d+),\d+\): (.+)$/.exec(text) ?? [];
  return file === "" ? [] : [{ file, line: Number(line), what, todo: "fix the type" }];
}

/** `::error title=T,file=F,line=N,...::words` */
function readAnnotation(root: string, text: string): Finding[] {
  const [, title = "", file = "", line = "1", words = ""] =
    /^::(?:error|warning) title=([^,]*),file=([^,]*),line=(\d+).*?::(.*)$/.exec(text) ?? [];
  if (file === "") return [];
  const fixable = /format|organizeImports/.test(title);
  const todo = fixable ? "run scripts/check.ts --fix" : "see the rule of this name in biome's docs";
  const what = `${title}: ${words.replaceAll("%0A", " ").replaceAll("%25", "%")}`;
  return [{ file: relative(root, resolve(root, file)), line: Number(line), what, todo }];
}
