/** Constructs that are not written in src/, by subject. */
import {
  isAsExpression,
  isBinaryExpression,
  isBindingElement,
  isCaseClause,
  isElementAccessExpression,
  isEnumDeclaration,
  isIdentifier,
  isImportSpecifier,
  isNonNullExpression,
  isPropertyAccessExpression,
  isStringLiteral,
  isSwitchStatement,
  isVariableDeclaration,
  type Node,
  type SwitchStatement,
  SyntaxKind,
} from "typescript/unstable/ast";
import { banRule, inSource, inSourceOutside } from "./ban.ts";
import { isComputedImport } from "./imports.ts";
import { unwrap } from "./module.ts";

export const typeEscapes = banRule("type-escapes", "src/ has no any, no `!`, no `as unknown as`, no enum", [
  {
    where: inSource,
    find: (node) => (node.kind === SyntaxKind.AnyKeyword ? "`any`" : null),
    todo: "take unknown and look at it, or name the type",
  },
  {
    where: inSource,
    find: (node) => (isNonNullExpression(node) ? "non-null `!`" : null),
    todo: "handle the null, or change the type so that it cannot be",
  },
  {
    where: inSource,
    find: (node) => (isDoubleCast(node) ? "`as unknown as`" : null),
    todo: "parse the value, or fix the type that lies",
  },
  {
    where: inSource,
    find: (node) => (isEnumDeclaration(node) ? "enum" : null),
    todo: "use an `as const` table and its keys",
  },
]);

export const processEdges = banRule(
  "process-edges",
  "the process is left, its environment read and its output written in few places",
  [
    {
      where: inSourceOutside("src/main.ts"),
      find: (node) => (isProcessMember(node, "exit") ? "process.exit outside main.ts" : null),
      todo: "return an exit status to the caller",
    },
    {
      where: inSourceOutside("src/main.ts", "src/config/"),
      find: (node) => (isProcessMember(node, "env") ? "process.env outside main.ts and config/" : null),
      todo: "take what you need as a parameter",
    },
    {
      where: inSource,
      find: (node) => (isPropertyOf(node, "console", null) ? "console" : null),
      todo: "log through a Logger, or write through the given writer",
    },
  ],
);

export const runtimeEdge = banRule("runtime-edge", "only src/runtime knows Bun, and Deno", [
  {
    where: inSourceOutside("src/runtime/deno/"),
    find: (node) => (isIdentifier(node) && node.text === "Deno" ? "`Deno` outside src/runtime/deno" : null),
    todo: "use node: or give src/runtime a function for it, with a twin",
  },
  {
    where: inSourceOutside("src/runtime/"),
    find: (node) => (isIdentifier(node) && node.text === "Bun" ? "`Bun` outside src/runtime" : null),
    todo: "use node: or give src/runtime a function for it",
  },
  {
    where: inSourceOutside("src/runtime/"),
    find: (node) =>
      isStringLiteral(node) && /^bun(?::|$)/.test(node.text) ? `"${node.text}" outside src/runtime` : null,
    todo: "use node: or give src/runtime a function for it",
  },
  {
    where: inSource,
    find: (node) => (isComputedImport(node) ? "import() of a computed name" : null),
    todo: "import a literal, so that the bundler and the layers see it",
  },
]);

export const backendKinds = banRule(
  "backend-kinds",
  "only backends/create.ts and config/ ask which backend it is",
  [
    {
      where: inSourceOutside("src/backends/create.ts", "src/config/"),
      find: (node) => (asksForKind(node) ? "asks which backend it is" : null),
      todo: "give the Backend interface a member for the difference",
    },
  ],
);

export const switches = banRule("switches", "a switch says what becomes of every case", [
  {
    where: inSource,
    find: (node) => (isSwitchStatement(node) && !hasDefault(node) ? "a switch without `default`" : null),
    todo: "end it with `default`, and with `satisfies never` where all cases are named",
  },
]);

function hasDefault({ caseBlock }: SwitchStatement): boolean {
  return caseBlock.clauses.some(({ kind }) => kind === SyntaxKind.DefaultClause);
}

function isDoubleCast(node: Node): boolean {
  if (!isAsExpression(node)) return false;
  let inner: Node = node.expression;
  while (inner.kind === SyntaxKind.ParenthesizedExpression && "expression" in inner)
    inner = inner.expression as Node;
  return isAsExpression(inner) && inner.type.kind === SyntaxKind.UnknownKeyword;
}

/** `process.NAME`, `process["NAME"]`, `{ NAME } = process`, and its import from node:process. */
function isProcessMember(node: Node, name: string): boolean {
  if (isPropertyOf(node, "process", name)) return true;
  if (isBindingElement(node)) {
    const declaration = node.parent.parent;
    const source = isVariableDeclaration(declaration) ? declaration.initializer : undefined;
    return (
      source !== undefined &&
      nameOf(source) === "process" &&
      nameOf(node.propertyName ?? node.name ?? node) === name
    );
  }
  if (!isImportSpecifier(node) || nameOf(node.propertyName ?? node.name) !== name) return false;
  const declaration = node.parent.parent.parent;
  const from = "moduleSpecifier" in declaration ? (declaration.moduleSpecifier as Node) : undefined;
  return from !== undefined && isStringLiteral(from) && /^(?:node:)?process$/.test(from.text);
}

/** `OBJECT.NAME` or `OBJECT["NAME"]`; any member when the name is null. */
function isPropertyOf(node: Node, object: string, name: string | null): boolean {
  if (isPropertyAccessExpression(node)) {
    return nameOf(node.expression) === object && (name === null || nameOf(node.name) === name);
  }
  if (!isElementAccessExpression(node) || nameOf(node.expression) !== object) return false;
  const key = node.argumentExpression;
  return name === null || (isStringLiteral(key) && key.text === name);
}

/** The last name of `a`, `a.b` or `globalThis.a`. */
function nameOf(node: Node): string | null {
  if (isIdentifier(node)) return node.text;
  return isPropertyAccessExpression(node) && isIdentifier(node.name) ? node.name.text : null;
}

const COMPARISONS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.EqualsEqualsEqualsToken,
  SyntaxKind.ExclamationEqualsEqualsToken,
]);

/** "direct" and "command" mean other things too, so there the other side has to speak of a kind. */
function asksForKind(node: Node): boolean {
  const sides = comparedSides(node);
  if (sides === null) return false;
  const [literal, subject] = isStringLiteral(sides[0]) ? sides : [sides[1], sides[0]];
  if (!isStringLiteral(literal)) return false;
  if (literal.text === "docker" || literal.text === "kubernetes") return true;
  return (literal.text === "direct" || literal.text === "command") && /kind|backend/i.test(subject.getText());
}

function comparedSides(node: Node): readonly [Node, Node] | null {
  if (isCaseClause(node)) return [unwrap(node.expression), node.parent.parent];
  if (!isBinaryExpression(node) || !COMPARISONS.has(node.operatorToken.kind)) return null;
  return [unwrap(node.left), unwrap(node.right)];
}
