/** All rules, applied to one tree, with the written exceptions taken into account. */

import { backendKinds, processEdges, runtimeEdge, switches, typeEscapes } from "./constructs.ts";
import { cycles } from "./cycles.ts";
import { errorClasses } from "./error-classes.ts";
import { EXCEPTIONS } from "./exceptions.ts";
import { layers } from "./layers.ts";
import { exportNames, fileNames, wireNames } from "./naming.ts";
import { exactVersions, phrases } from "./repository.ts";
import type { Exception, Finding, Rule } from "./rule.ts";
import { shellCheck, shellSyntax } from "./shell.ts";
import { fileSize, functionSize } from "./sizes.ts";
import { moduleState } from "./state.ts";
import { generated, lint, types } from "./tools.ts";
import type { Tree } from "./tree.ts";
import { twins } from "./twins.ts";
import { unused } from "./unused.ts";
import { testHonesty, waits } from "./waits.ts";

export const RULES: readonly Rule[] = [
  types,
  lint,
  layers,
  cycles,
  fileSize,
  functionSize,
  typeEscapes,
  switches,
  errorClasses,
  processEdges,
  runtimeEdge,
  twins,
  backendKinds,
  moduleState,
  waits,
  testHonesty,
  fileNames,
  exportNames,
  wireNames,
  unused,
  phrases,
  exactVersions,
  shellSyntax,
  shellCheck,
  generated,
];

export interface Verdict {
  readonly name: string;
  readonly about: string;
  readonly result: "passed" | "failed" | "skipped";
  readonly findings: readonly Finding[];
  /** Why it was skipped. */
  readonly note: string;
}

export async function applyRules(
  tree: Tree,
  rules: readonly Rule[] = RULES,
  exceptions: readonly Exception[] = EXCEPTIONS,
): Promise<Verdict[]> {
  const used = new Set<Exception>();
  const verdicts = await Promise.all(rules.map((rule) => applyRule(tree, rule, exceptions, used)));
  const names = new Set(rules.map(({ name }) => name));
  const stale = exceptions.filter((exception) => names.has(exception.rule) && !used.has(exception));
  return [
    ...verdicts,
    verdictOn("exceptions", "each written exception excuses something", stale.map(staleFinding)),
  ];
}

async function applyRule(
  tree: Tree,
  rule: Rule,
  exceptions: readonly Exception[],
  used: Set<Exception>,
): Promise<Verdict> {
  const answer = await rule.check(tree);
  if ("skipped" in answer) {
    return { ...verdictOn(rule.name, rule.about, []), result: "skipped", note: answer.skipped };
  }
  const findings = answer.filter((finding) => {
    const exception = exceptions.find((candidate) => excuses(candidate, rule, finding));
    if (exception !== undefined) used.add(exception);
    return exception === undefined;
  });
  return verdictOn(rule.name, rule.about, findings);
}

function excuses(exception: Exception, rule: Rule, finding: Finding): boolean {
  if (exception.rule !== rule.name || exception.file !== finding.file) return false;
  if (exception.symbol !== undefined && exception.symbol !== finding.symbol) return false;
  return exception.upTo === undefined || (finding.size ?? Number.POSITIVE_INFINITY) <= exception.upTo;
}

function staleFinding({ rule, file, symbol }: Exception): Finding {
  const what = `the exception from ${rule} for ${file}${symbol === undefined ? "" : ` (${symbol})`} excuses nothing`;
  return { file: "scripts/check/exceptions.ts", line: 1, what, todo: "remove it" };
}

function verdictOn(name: string, about: string, findings: readonly Finding[]): Verdict {
  return { name, about, result: findings.length === 0 ? "passed" : "failed", findings, note: "" };
}
