/** No module reaches itself through its imports, types and lazy imports included. */
import { importsOf } from "./imports.ts";
import type { Finding, Rule } from "./rule.ts";

export const cycles: Rule = {
  name: "cycles",
  about: "no module reaches itself through its imports",
  check(tree) {
    const edges = new Map<string, readonly string[]>();
    for (const module of tree.modules) {
      const targets = importsOf(module).flatMap(({ target }) => (target === null ? [] : [target]));
      edges.set(module.path, targets);
    }
    return findCycles(edges).map(describeCycle);
  },
};

/** One cycle per group of modules that reach each other; each starts at its first path and ends there. */
export function findCycles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const known = new Set<string>();
  for (const start of [...edges.keys()].sort()) {
    if (known.has(start)) continue;
    const way = findWayBack(edges, start);
    if (way === null) continue;
    for (const path of way) known.add(path);
    found.push(way);
  }
  return found;
}

/** The shortest way from a module back to itself. */
function findWayBack(edges: ReadonlyMap<string, readonly string[]>, start: string): string[] | null {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const next of edges.get(way.at(-1) ?? start) ?? []) {
      if (next === start) return [...way, start];
      if (seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return null;
}

function describeCycle(way: readonly string[]): Finding {
  const what = `import cycle ${way.join(" -> ")}`;
  return { file: way[0] ?? "", line: 1, what, todo: "move what both need into a module of its own" };
}
