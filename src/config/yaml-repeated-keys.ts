/**
 * Keys that a mapping has twice. The parser's own look compares each with all before it, so of a wrong file, a
 * dump of some hundred thousand keys, it took minutes in which no signal was heard.
 */
import { type Document, isMap, isScalar, isSeq, type Scalar, type YAMLMap, YAMLParseError } from "yaml";

/** In the parser's own terms, as if it had found them. */
export function repeatedKeys({ contents }: Document): readonly YAMLParseError[] {
  const found: YAMLParseError[] = [];
  // Not by the library's `visit`, which copies the path to each node: a file may be nested very deeply.
  const waiting: unknown[] = [contents];
  while (waiting.length > 0) {
    const node = waiting.pop();
    if (isSeq(node)) for (const item of node.items) waiting.push(item);
    if (!isMap(node)) continue;
    for (const { range } of repeatedIn(node)) {
      const [from = 0, to = from] = range ?? [];
      found.push(new YAMLParseError([from, to], "DUPLICATE_KEY", "Map keys must be unique"));
    }
    for (const { key, value } of node.items) waiting.push(key, value);
  }
  return found;
}

function repeatedIn({ items }: YAMLMap): readonly Scalar[] {
  const seen = new Set<unknown>();
  const repeated: Scalar[] = [];
  for (const { key } of items) {
    if (!isScalar(key)) continue;
    if (seen.has(key.value)) repeated.push(key);
    seen.add(key.value);
  }
  return repeated;
}
