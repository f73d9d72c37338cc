/** What a module imports, re-exports or loads, types included. */
import { dirname, join } from "node:path";
import {
  type ImportClause,
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedImports,
  isNoSubstitutionTemplateLiteral,
  isStringLiteral,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { lineOf, type Module, walk } from "./module.ts";

export interface Import {
  readonly line: number;
  readonly specifier: string;
  /** Path from the root for a relative import; null for a package, `node:` or `bun:`. */
  readonly target: string | null;
  readonly typeOnly: boolean;
}

export function importsOf(module: Module): Import[] {
  const found: Import[] = [];
  for (const node of walk(module.syntax)) {
    const read = readImport(node);
    if (read === null) continue;
    const specifier = textOf(read.specifier);
    if (specifier === null) continue;
    const relative = specifier.startsWith(".");
    found.push({
      line: lineOf(module, node),
      specifier,
      target: relative ? join(dirname(module.path), specifier) : null,
      typeOnly: read.typeOnly,
    });
  }
  return found;
}

/** `import(x)` with anything but a literal: no layer and no bundler can see where it goes. */
export function isComputedImport(node: Node): boolean {
  const read = isCallExpression(node) ? readImport(node) : null;
  return read !== null && textOf(read.specifier) === null;
}

function readImport(node: Node): { specifier: Node; typeOnly: boolean } | null {
  if (isImportDeclaration(node)) {
    return { specifier: node.moduleSpecifier, typeOnly: importsOnlyTypes(node.importClause) };
  }
  if (isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return { specifier: node.moduleSpecifier, typeOnly: node.isTypeOnly };
  }
  if (isImportTypeNode(node)) return { specifier: node.argument, typeOnly: true };
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    const [specifier] = node.arguments;
    return specifier === undefined ? null : { specifier, typeOnly: false };
  }
  return null;
}

function importsOnlyTypes(clause: ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  if (clause.name !== undefined || names === undefined || !isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly);
}

function textOf(specifier: Node): string | null {
  const literal = isLiteralTypeNode(specifier) ? specifier.literal : specifier;
  return isStringLiteral(literal) || isNoSubstitutionTemplateLiteral(literal) ? literal.text : null;
}
