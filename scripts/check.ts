/**
 * The static gate: types, lint, format and the rules of this house.
 *
 *   bun scripts/check.ts               all rules
 *   bun scripts/check.ts --only NAME   one of them, repeatable
 *   bun scripts/check.ts --fix         formats and applies safe fixes first
 *   bun scripts/check.ts --list        what there is
 *
 * Exit status: 0 all kept, 1 a rule is broken, 2 a bad command line.
 */
import { resolve } from "node:path";
import { applyRules, RULES, type Verdict } from "./check/gate.ts";
import { renderFinding } from "./check/rule.ts";
import { applyFixes } from "./check/tools.ts";
import { readTree } from "./check/tree.ts";
import { readArguments, requireKnown, runScript } from "./command-line.ts";

const ROOT = resolve(import.meta.dir, "..");
const SIGNS = { passed: "ok  ", failed: "FAIL", skipped: "skip" } as const;

export async function runGate(only: readonly string[], write: (text: string) => void): Promise<Verdict[]> {
  const rules = only.length === 0 ? RULES : RULES.filter(({ name }) => only.includes(name));
  const verdicts = await applyRules(await readTree(ROOT), rules);
  for (const verdict of verdicts) write(renderVerdict(verdict));
  return verdicts;
}

function renderVerdict({ name, about, result, findings, note }: Verdict): string {
  const head = `${SIGNS[result]}  ${name.padEnd(16)} ${result === "skipped" ? `NOT CHECKED: ${note}` : about}\n`;
  return head + findings.map((finding) => `      ${renderFinding(finding)}\n`).join("");
}

const USAGE = "bun scripts/check.ts [--fix] [--only NAME]... | --list";

async function main(): Promise<number> {
  const { values } = readArguments(
    {
      options: {
        only: { type: "string", multiple: true, default: [] },
        fix: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
      },
    },
    USAGE,
  );
  const write = (text: string) => void process.stdout.write(text);
  if (values.list) {
    for (const { name, about } of RULES) write(`${name.padEnd(16)} ${about}\n`);
    return 0;
  }
  requireKnown(
    "rule",
    values.only,
    RULES.map(({ name }) => name),
  );
  if (values.fix) await applyFixes(ROOT);
  const verdicts = await runGate(values.only, write);
  return verdicts.some(({ result }) => result === "failed") ? 1 : 0;
}

if (import.meta.main) await runScript("check", main);
