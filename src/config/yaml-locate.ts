/** Where in the text the value at a path stands. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq } from "yaml";
import type { Path } from "./schema-walk.ts";

/** The offset of the value; where there is none (a missing key, one merged in), of the nearest mapping around it. */
export function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    node = below(document, node, key);
    if (!isNode(node)) return offset;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}

function below(document: Document, node: unknown, key: string | number): unknown {
  const target = isAlias(node) ? node.resolve(document) : node;
  if (isSeq(target)) return target.items[Number(key)];
  if (!isMap(target)) return undefined;
  return target.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)?.value;
}
