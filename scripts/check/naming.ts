/** Names of files, exports and identifiers. */
import { basename, dirname } from "node:path";
import {
  isExportAssignment,
  isExportSpecifier,
  isIdentifier,
  type Node,
  SyntaxKind,
} from "typescript/unstable/ast";
import { banRule, inSource, inSourceOutside } from "./ban.ts";
import { lineOf, type Module, walk } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";

/** Words that say nothing of what a file holds, so that anything ends up in it. */
const EMPTY_WORDS = /(?:^|[-./])(utils?|helpers?|common|managers?|misc)(?:[-./]|$)/;

export const fileNames: Rule = {
  name: "file-names",
  about: "a file is named for the one noun it holds",
  check: (tree) => tree.modules.flatMap(({ path }) => checkPath(path)),
};

export const exportNames = banRule("named-exports", "what src/ exports has a name", [
  {
    where: inSource,
    find: (node) => (isDefaultExport(node) ? "default export" : null),
    todo: "export it by its name",
  },
]);

export const wireNames: Rule = {
  name: "wire-names",
  about: "snake_case stays in protocol/, dev/, the file's schema and the journal's",
  check: (tree) => tree.modules.filter(({ path }) => mustBeCamel(path)).flatMap(checkIdentifiers),
};

function checkPath(path: string): Finding[] {
  const at = { file: path, line: 1 };
  if (basename(path) === "index.ts") {
    return [{ ...at, what: "an index barrel", todo: "import from the file that holds it" }];
  }
  const word = EMPTY_WORDS.exec(`${dirname(path)}/${basename(path, ".ts")}`)?.[1];
  if (word === undefined) return [];
  return [{ ...at, what: `"${word}" in a file name`, todo: "name the noun that it holds" }];
}

function isDefaultExport(node: Node): boolean {
  if (isExportAssignment(node) || node.kind === SyntaxKind.DefaultKeyword) return true;
  return isExportSpecifier(node) && isIdentifier(node.name) && node.name.text === "default";
}

const isOutsideWire = inSourceOutside("src/protocol/", "src/dev/", "src/cli/dev.ts", "src/journal/schema.ts");

/** The configuration file's keys end where they are resolved to settings, the columns in the journal's schema. */
function mustBeCamel(path: string): boolean {
  return isOutsideWire(path) && !/^src\/config\/(?:schema|resolve)[^/]*\.ts$/.test(path);
}

/** The first place of each name is enough. */
function checkIdentifiers(module: Module): Finding[] {
  const findings = new Map<string, Finding>();
  for (const node of walk(module.syntax)) {
    if (!isIdentifier(node) || !/^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/.test(node.text)) continue;
    if (findings.has(node.text)) continue;
    const what = `snake_case name ${node.text}`;
    const todo = "camelCase it where it is parsed; the wire's and the file's names end there";
    findings.set(node.text, { file: module.path, line: lineOf(module, node), what, todo, symbol: node.text });
  }
  return [...findings.values()];
}
