/** A class of errors exists only if somebody catches it; any other failure is an Error with its words. */
import {
  isBinaryExpression,
  isClassDeclaration,
  isExpressionWithTypeArguments,
  isIdentifier,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { inSource } from "./ban.ts";
import { lineOf, type Module, walk } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

export const errorClasses: Rule = {
  name: "error-classes",
  about: "each class of errors is asked for by an instanceof, or is what such a one is made of",
  check(tree) {
    const modules = tree.modules.filter(({ path }) => inSource(path));
    const caught = new Set(modules.flatMap(({ syntax }) => [...walk(syntax)].map(caughtIn)));
    return modules.flatMap((module) => uncaughtIn(module, caught));
  },
};

function uncaughtIn(module: Module, caught: ReadonlySet<string | null>): Finding[] {
  const findings: Finding[] = [];
  for (const node of walk(module.syntax)) {
    const name = errorClassIn(node);
    if (name === null || caught.has(name)) continue;
    const what = `nobody catches ${name}`;
    const todo = "throw an Error, or look for it where it is caught";
    findings.push({ file: module.path, line: lineOf(module, node), what, todo, symbol: name });
  }
  return findings;
}

/** The class that an instanceof asks for, or that another one extends. */
function caughtIn(node: Node): string | null {
  if (isBinaryExpression(node) && node.operatorToken.kind === SyntaxKind.InstanceOfKeyword) {
    return isIdentifier(node.right) ? node.right.text : null;
  }
  return isExpressionWithTypeArguments(node) && isIdentifier(node.expression) ? node.expression.text : null;
}

/** The name of a class that extends Error, or another one that is called after what went wrong. */
function errorClassIn(node: Node): string | null {
  if (!isClassDeclaration(node) || node.name === undefined) return null;
  const bases = (node.heritageClauses ?? [])
    .filter(({ token }) => token === SyntaxKind.ExtendsKeyword)
    .flatMap(({ types }) => [...types])
    .map(({ expression }) => (isIdentifier(expression) ? expression.text : ""));
  return bases.some((base) => /(?:Error|Failure|Refused|Gone)$/.test(base)) ? node.name.text : null;
}
