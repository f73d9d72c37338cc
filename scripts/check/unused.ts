/** Code that nobody calls: it is read, tested and kept in step with the rest for nothing. */
import {
  type Identifier,
  isClassDeclaration,
  isFunctionDeclaration,
  isGetAccessorDeclaration,
  isIdentifier,
  isMethodDeclaration,
  isVariableDeclaration,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { inSource } from "./ban.ts";
import { lineOf, type Module, walk } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

/** By name alone: one that is named anywhere else counts as used, so what is found is dead for certain. */
export const unused: Rule = {
  name: "unused",
  about: "what src/ exports, and each method of its classes, is named by somebody else than a test",
  check(tree) {
    const uses = usesIn(tree.modules.filter(({ path }) => !path.startsWith("tests/")));
    // The control plane of `dev` is the far side of the tests, too.
    const usesOfDev = usesIn(tree.modules);
    const files = filesNaming(tree.modules);
    return tree.modules
      .filter(({ path }) => inSource(path) && !path.startsWith("src/runtime/deno/"))
      .flatMap((module) => [
        ...unusedIn(module, module.path.startsWith("src/dev/") ? usesOfDev : uses),
        ...neverImportedIn(module, usesOfDev, files),
      ]);
  },
};

/** By name, in how many files it stands. */
function filesNaming(modules: readonly Module[]): ReadonlyMap<string, number> {
  const files = new Map<string, number>();
  for (const { syntax } of modules) {
    const names = new Set([...walk(syntax)].filter(isIdentifier).map(({ text }) => text));
    for (const name of names) files.set(name, (files.get(name) ?? 0) + 1);
  }
  return files;
}

/** Of what runs: a type is exported for whoever calls what it is a parameter of. What nobody uses at all is not among it. */
function neverImportedIn(
  module: Module,
  uses: ReadonlySet<string>,
  files: ReadonlyMap<string, number>,
): Finding[] {
  const findings: Finding[] = [];
  for (const node of walk(module.syntax)) {
    const runs = isFunctionDeclaration(node) || isClassDeclaration(node) || isVariableDeclaration(node);
    const name = runs ? declaredName(node) : null;
    if (name === null || !uses.has(name.text) || (files.get(name.text) ?? 0) > 1) continue;
    const what = `no other file uses ${name.text}`;
    const todo = "do not export it";
    findings.push({ file: module.path, line: lineOf(module, node), what, todo, symbol: name.text });
  }
  return findings;
}

/** Names as often as they stand anywhere but where they are declared. */
function usesIn(modules: readonly Module[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const { syntax } of modules) {
    const declared = new Set([...walk(syntax)].map(declaredName));
    for (const node of walk(syntax)) if (isIdentifier(node) && !declared.has(node)) used.add(node.text);
  }
  return used;
}

function unusedIn(module: Module, uses: ReadonlySet<string>): Finding[] {
  const findings: Finding[] = [];
  for (const node of walk(module.syntax)) {
    const name = declaredName(node);
    if (name === null || uses.has(name.text)) continue;
    const what = `nobody uses ${name.text}`;
    const todo = "remove it, and what is of no use without it";
    findings.push({ file: module.path, line: lineOf(module, node), what, todo, symbol: name.text });
  }
  return findings;
}

/** Of an export or a method. Null for anything else; what an interface asks for is called through that. */
function declaredName(node: Node): Identifier | null {
  const isMember = isMethodDeclaration(node) || isGetAccessorDeclaration(node);
  if (isMember ? implementsSomething(node.parent) : !isExported(node)) return null;
  const name = "name" in node ? (node.name as Node | undefined) : undefined;
  return name !== undefined && isIdentifier(name) ? name : null;
}

/** Of `export const a = 1` the statement is, and its declaration has the name. */
function isExported(node: Node): boolean {
  const statement = isVariableDeclaration(node) ? node.parent.parent : node;
  const modifiers =
    "modifiers" in statement ? (statement.modifiers as Iterable<Node> | undefined) : undefined;
  return [...(modifiers ?? [])].some(({ kind }) => kind === SyntaxKind.ExportKeyword);
}

function implementsSomething(node: Node): boolean {
  return !isClassDeclaration(node) || (node.heritageClauses ?? []).length > 0;
}
