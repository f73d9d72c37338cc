/** No file and no function is larger than one can hold in mind. */
import {
  isArrowFunction,
  isCallExpression,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isIdentifier,
  isMethodDeclaration,
  isPropertyAccessExpression,
  isSetAccessorDeclaration,
  isVariableDeclaration,
  type Node,
} from "typescript/unstable/ast";
import { lineCountOf, lineOf, type Module, walk } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

const FILE_LINES = { src: 300, scripts: 300, tests: 500 } as const;
const FUNCTION_LINES = 60;
/** The last one declares the tests of a real engine once for each of them. */
const DECLARES_TESTS: readonly string[] = ["describe", "test", "it", "onEachEngine", "onEachEngineAndPodman"];

export const fileSize: Rule = {
  name: "file-size",
  about: `a file has at most ${FILE_LINES.src} lines, a test file ${FILE_LINES.tests}`,
  check: (tree) => tree.modules.flatMap(checkFile),
};

export const functionSize: Rule = {
  name: "function-size",
  about: `a function has at most ${FUNCTION_LINES} lines`,
  check: (tree) => tree.modules.flatMap(checkFunctions),
};

function checkFile({ path, lines }: Module): Finding[] {
  const limit = FILE_LINES[path.slice(0, path.indexOf("/")) as keyof typeof FILE_LINES];
  const size = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  if (size <= limit) return [];
  const todo = "take a noun out of it into a file of its own";
  return [{ file: path, line: 1, what: `${size} lines, more than ${limit}`, todo, size }];
}

function checkFunctions(module: Module): Finding[] {
  const findings: Finding[] = [];
  for (const node of walk(module.syntax)) {
    if (!isFunctionLike(node) || isTestBody(module, node)) continue;
    const size = lineCountOf(module, node);
    if (size <= FUNCTION_LINES) continue;
    const symbol = nameOf(node);
    findings.push({
      file: module.path,
      line: lineOf(module, node),
      what: `${symbol} has ${size} lines, more than ${FUNCTION_LINES}`,
      todo: "give its steps names of their own",
      symbol,
      size,
    });
  }
  return findings;
}

function isFunctionLike(node: Node): boolean {
  return (
    isFunctionDeclaration(node) ||
    isFunctionExpression(node) ||
    isArrowFunction(node) ||
    isMethodDeclaration(node) ||
    isConstructorDeclaration(node) ||
    isGetAccessorDeclaration(node) ||
    isSetAccessorDeclaration(node)
  );
}

/** What is handed to what declares tests, `.each`, `.skipIf` and so on included. */
function isTestBody(module: Module, node: Node): boolean {
  if (!module.path.startsWith("tests/") || !isCallExpression(node.parent)) return false;
  let callee: Node = node.parent.expression;
  while (isCallExpression(callee) || isPropertyAccessExpression(callee)) callee = callee.expression;
  return isIdentifier(callee) && DECLARES_TESTS.includes(callee.text);
}

function nameOf(node: Node): string {
  if (isConstructorDeclaration(node)) return "constructor";
  const named = isVariableDeclaration(node.parent) ? node.parent : node;
  const name = "name" in named ? (named.name as Node | undefined) : undefined;
  return name !== undefined && isIdentifier(name) ? name.text : "an unnamed function";
}
