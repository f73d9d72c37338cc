/**
 * Deno runs the same sources: deno.json puts a twin in the place of each file of src/runtime that only
 * Bun can run. What is reached from main.ts there knows no Bun, and what is compiled knows no twin.
 */
import { isIdentifier, isStringLiteral } from "typescript/unstable/ast";
import { importsOf } from "./imports.ts";
import { type Module, walk } from "./module.ts";
import type { Finding, Rule } from "./rule.ts";
import type { Tree } from "./tree.ts";

const MAP = "deno.json";
const ENTRY = "src/main.ts";
const ORIGINALS = "src/runtime/";
const TWINS = "src/runtime/deno/";
/** Where the compiler compares each twin's types with those of its original. */
const TYPES = "src/runtime/deno/twins.ts";

export const twins: Rule = {
  name: "twins",
  about: "under Deno a twin stands in for each file that only Bun can run, and nowhere else",
  check(tree) {
    const modules = new Map(tree.modules.map((module) => [module.path, module]));
    if (!modules.has(ENTRY)) return { skipped: `there is no ${ENTRY}` };
    const map = readMap(tree);
    if (map === null) return [finding(MAP, "missing, or no import map", "restore it")];
    return [
      ...checkMap(map, modules),
      ...checkTypes(map, modules),
      ...reach(modules, map).filter(knowsBun).map(bunUnderDeno),
      ...reach(modules, new Map())
        .filter(({ path }) => path.startsWith(TWINS))
        .map(twinUnderBun),
    ];
  },
};

type ImportMap = ReadonlyMap<string, string>;
type Modules = ReadonlyMap<string, Module>;

function readMap(tree: Tree): ImportMap | null {
  const file = tree.files.find(({ path }) => path === MAP);
  if (file === undefined) return null;
  const { imports } = JSON.parse(file.text) as { readonly imports?: Readonly<Record<string, string>> };
  if (imports === undefined) return null;
  return new Map(Object.entries(imports).map(([from, to]) => [bare(from), bare(to)]));
}

function bare(path: string): string {
  return path.replace(/^\.\//, "");
}

function checkMap(map: ImportMap, modules: Modules): Finding[] {
  const crooked = [...map]
    .filter(([from, to]) => to !== twinOf(from) || !modules.has(from) || !modules.has(to))
    .map(([from]) =>
      finding(MAP, `${from} is not mapped to a twin of its name`, `map it to ${twinOf(from)}`),
    );
  const forgotten = [...modules.keys()]
    .filter((path) => modules.has(twinOf(path)) && !map.has(path))
    .map((path) => finding(MAP, `${path} has a twin and is not mapped to it`, `map it to ${twinOf(path)}`));
  return [...crooked, ...forgotten];
}

/** src/runtime/spawn.ts -> src/runtime/deno/spawn.ts; empty for a file that can have none. */
function twinOf(path: string): string {
  const name = path.startsWith(ORIGINALS) ? path.slice(ORIGINALS.length) : "";
  return name === "" || name.includes("/") ? "" : `${TWINS}${name}`;
}

function checkTypes(map: ImportMap, modules: Modules): Finding[] {
  const module = modules.get(TYPES);
  const compared = new Set(module === undefined ? [] : importsOf(module).map(({ target }) => target));
  return [...map]
    .filter(([from, to]) => !compared.has(from) || !compared.has(to))
    .map(([from]) => finding(TYPES, `the twin of ${from} is not compared with it`, "add a line for it"));
}

/** All that is loaded when the program runs, now or when it is needed; types are not. */
function reach(modules: Modules, map: ImportMap): Module[] {
  const found = new Map<string, Module>();
  const queue = [ENTRY];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const module = modules.get(map.get(path) ?? path);
    if (module === undefined || found.has(module.path)) continue;
    found.set(module.path, module);
    for (const { target, typeOnly } of importsOf(module)) {
      if (target !== null && !typeOnly) queue.push(target);
    }
  }
  return [...found.values()];
}

function knowsBun({ syntax }: Module): boolean {
  for (const node of walk(syntax)) {
    if (isIdentifier(node) && node.text === "Bun") return true;
    if (isStringLiteral(node) && /^bun(?::|$)/.test(node.text)) return true;
  }
  return false;
}

function bunUnderDeno({ path }: Module): Finding {
  return finding(
    path,
    "speaks to Bun, and is loaded under Deno too",
    `write ${twinOf(path)} and map it in ${MAP}`,
  );
}

function twinUnderBun({ path }: Module): Finding {
  return finding(path, "a twin for Deno that the executable would hold", "import what it stands in for");
}

function finding(file: string, what: string, todo: string): Finding {
  return { file, line: 1, what, todo };
}
