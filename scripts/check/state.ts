/** Modules of src/ hold no state and do nothing when they are imported. */
import {
  isArrayLiteralExpression,
  isAsExpression,
  isExpressionStatement,
  isIdentifier,
  isNewExpression,
  isObjectLiteralExpression,
  isSatisfiesExpression,
  isTypeOperatorNode,
  isTypeReferenceNode,
  isVariableStatement,
  type Node,
  NodeFlags,
  SyntaxKind,
  type VariableStatement,
} from "typescript/unstable/ast";
import { lineOf, type Module } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

const COLLECTIONS: readonly string[] = ["Map", "Set", "WeakMap", "WeakSet", "Array"];

export const moduleState: Rule = {
  name: "module-state",
  about: "modules of src/ hold no state and do nothing when imported",
  check: (tree) => tree.modules.filter(({ path }) => path.startsWith("src/")).flatMap(checkModule),
};

function checkModule(module: Module): Finding[] {
  return module.syntax.statements.flatMap((statement): Finding[] => {
    const at = { file: module.path, line: lineOf(module, statement) };
    if (isVariableStatement(statement)) return checkVariables(at, statement);
    if (!isExpressionStatement(statement) || module.path === "src/main.ts") return [];
    return [{ ...at, what: "work at import", todo: "move it into a function that somebody calls" }];
  });
}

function checkVariables(at: { file: string; line: number }, statement: VariableStatement): Finding[] {
  const list = statement.declarationList;
  if (statement.modifiers?.some(({ kind }) => kind === SyntaxKind.DeclareKeyword)) return [];
  if ((list.flags & NodeFlags.Const) === 0) {
    return [
      {
        ...at,
        what: "`let` or `var` of a module",
        todo: "keep it in a closure or an object that is passed on",
      },
    ];
  }
  return list.declarations.flatMap(({ name, type, initializer }) => {
    const kind = initializer === undefined || isReadonlyType(type) ? null : mutableKind(initializer);
    if (kind === null) return [];
    const symbol = isIdentifier(name) ? name.text : "a constant";
    const todo = "write `as const`, or the Readonly… type of it, or keep it in an object that is passed on";
    return [{ ...at, what: `${symbol} of a module is a mutable ${kind}`, todo, symbol }];
  });
}

function isReadonlyType(type: Node | undefined): boolean {
  if (type === undefined) return false;
  if (isTypeOperatorNode(type)) return type.operator === SyntaxKind.ReadonlyKeyword;
  return (
    isTypeReferenceNode(type) && isIdentifier(type.typeName) && type.typeName.text.startsWith("Readonly")
  );
}

/** Objects with something in them are tables, as far as one can see without their type. */
function mutableKind(initializer: Node): string | null {
  if (isSatisfiesExpression(initializer)) return mutableKind(initializer.expression);
  // `as const` and `as readonly X[]` make it readonly; any other cast is not worth a rule.
  if (isAsExpression(initializer)) return null;
  if (isArrayLiteralExpression(initializer)) return "array";
  if (isObjectLiteralExpression(initializer)) return initializer.properties.length === 0 ? "object" : null;
  if (!isNewExpression(initializer) || !isIdentifier(initializer.expression)) return null;
  return COLLECTIONS.includes(initializer.expression.text) ? initializer.expression.text : null;
}
