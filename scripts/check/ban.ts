/** Rules that are a list of constructs which must not appear in some files. */
import type { Node } from "typescript/unstable/ast";
import { lineOf, type Module, walk } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

export interface Ban {
  /** Whether the construct is banned in the file of this path. */
  readonly where: (path: string) => boolean;
  /** What is wrong with this node, as words; null for a node that is none of its business. */
  readonly find: (node: Node, module: Module) => string | null;
  readonly todo: string;
}

export function banRule(name: string, about: string, bans: readonly Ban[]): Rule {
  return { name, about, check: (tree) => tree.modules.flatMap((module) => checkModule(module, bans)) };
}

function checkModule(module: Module, bans: readonly Ban[]): Finding[] {
  const here = bans.filter((ban) => ban.where(module.path));
  if (here.length === 0) return [];
  const findings: Finding[] = [];
  for (const node of walk(module.syntax)) {
    for (const ban of here) {
      const what = ban.find(node, module);
      if (what === null) continue;
      findings.push({ file: module.path, line: lineOf(module, node), what, todo: ban.todo });
    }
  }
  return findings;
}

export function inSource(path: string): boolean {
  return path.startsWith("src/");
}

export function inTests(path: string): boolean {
  return path.startsWith("tests/");
}

/** In src/, but not in one of these files or folders (which end with a slash). */
export function inSourceOutside(...homes: readonly string[]): (path: string) => boolean {
  const isHome = (path: string) =>
    homes.some((home) => (home.endsWith("/") ? path.startsWith(home) : path === home));
  return (path) => inSource(path) && !isHome(path);
}
