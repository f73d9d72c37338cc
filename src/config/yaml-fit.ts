/**
 * Brings a parsed YAML document into the shape that the schema expects, in place, the way the
 * original's YAML library reads it, so that files that work today mean the same here: a number or
 * truth value where text is expected is its text (`value: 1.10`), `yes` and `off` are truth values
 * where one is expected, `0644` is octal, and a key without a value or with an empty one is absent. Unknown keys are
 * found here too, because valibot stops at the first one of a mapping.
 */
import { type GenericSchema, is } from "valibot";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { didYouMean, nearest } from "./nearest.ts";
import { childOf, entriesOf, isSecret, type Path, pathText, settingsOf, unwrap } from "./schema-walk.ts";

/** Something wrong at a place in the text. */
export interface Finding {
  readonly offset: number;
  readonly text: string;
  readonly path: Path;
  /** The key that was given or probably meant, and so is not missing. */
  readonly meant?: Path;
}

/** More than these names would bury the one that is wrong. */
const MOST_NAMED = 4;
/** The longest key that there is has 26 characters. */
const LONGEST_SHOWN = 40;
const MAPPINGS: readonly string[] = ["strict_object", "loose_object", "record"];

interface Context {
  readonly document: Document;
  readonly root: GenericSchema;
  readonly found: Finding[];
  /** What each node was fitted to: a node behind many aliases is done once, and a circle ends. */
  readonly done: Map<Node, Set<GenericSchema | null>>;
}

export function fitToSchema(document: Document, root: GenericSchema): readonly Finding[] {
  const context: Context = { document, root, found: [], done: new Map() };
  if (refuses(document.contents, root, [], context)) document.contents = null;
  else fitNode(document.contents, root, [], context);
  return context.found;
}

function fitNode(node: unknown, schema: GenericSchema | null, path: Path, context: Context): void {
  if (isAlias(node)) {
    fitNode(node.resolve(context.document), schema, path, context);
    return;
  }
  if (isScalar(node)) fitScalar(node, schema);
  if (!isMap(node) && !isSeq(node)) return;
  const done = context.done.get(node) ?? new Set();
  if (done.has(schema)) return;
  context.done.set(node, done.add(schema));
  if (isMap(node)) fitMap(node, schema, path, context);
  else fitList(node, schema, path, context);
}

function fitMap(map: YAMLMap, schema: GenericSchema | null, path: Path, context: Context): void {
  const known = schema === null ? null : entriesOf(schema);
  map.items = map.items.filter((pair) => {
    if (isMergeKey(pair)) return fitMerged(pair.value, schema, path, context);
    const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    if (known !== null && !Object.hasOwn(known, key)) {
      context.found.push(unknownKey(pair, [...path, key], Object.keys(known), context.root));
      return false;
    }
    const below = schema && childOf(schema, key);
    if (known !== null && (isEmpty(pair.value) || isUnset(pair.value, below))) return false;
    if (refuses(pair.value, below, [...path, key], context)) return false;
    fitNode(pair.value, below, [...path, key], context);
    return true;
  });
}

function fitMerged(value: unknown, schema: GenericSchema | null, path: Path, context: Context): boolean {
  const bases = isSeq(value) ? value.items : [value];
  if (bases.some((base) => refuses(base, schema, path, context))) return false;
  for (const base of bases) fitNode(base, schema, path, context);
  return true;
}

function fitList(list: YAMLSeq, schema: GenericSchema | null, path: Path, context: Context): void {
  list.items = list.items.map((item, index) => {
    const below = schema && childOf(schema, index);
    // Its place is kept, or the entries after it would be called by wrong numbers.
    if (refuses(item, below, [...path, index], context)) return new Scalar(null);
    fitNode(item, below, [...path, index], context);
    return item;
  });
}

/** What would go on to be mistaken: valibot takes a list for a mapping, and the parser lets an alias point nowhere. */
function refuses(
  node: unknown,
  schema: GenericSchema | null,
  path: Path,
  { document, root, found }: Context,
): boolean {
  const target = isAlias(node) ? node.resolve(document) : node;
  let text: string;
  if (target === undefined && isAlias(node)) {
    text = isSecret(root, path)
      ? `${pathText(path)} is an alias (*name) without an anchor (&name) before it; put a text that starts with * in quotes`
      : `The alias *${node.source} has no anchor &${node.source} before it`;
  } else if (isSeq(target) && schema !== null && MAPPINGS.includes(unwrap(schema).type)) {
    text = `${path.length === 0 ? "The config file" : pathText(path)} must be a mapping, not a list`;
  } else {
    return false;
  }
  found.push({ offset: (isNode(node) ? node.range?.[0] : null) ?? 0, text, path, meant: path });
  return true;
}

function unknownKey(pair: Pair, path: Path, known: readonly string[], root: GenericSchema): Finding {
  const key = String(path.at(-1));
  const near = nearest(key, known);
  // What is like no key may be a variable with its value.
  const text =
    near === null && isSecret(root, path)
      ? `Unknown key in "${pathText(path.slice(0, -1))}", which takes ${known.join(" and ")}`
      : `Unknown key "${pathText([...path.slice(0, -1), shortened(key)])}"${near === null ? (elsewhere(key, root) ?? thereAre(known)) : didYouMean(near)}`;
  return {
    offset: keyOffset(pair),
    text,
    path,
    ...(near === null ? {} : { meant: [...path.slice(0, -1), near] }),
  };
}

/** A right key at the wrong level is the commonest slip after a wrong letter. */
function elsewhere(key: string, root: GenericSchema): string | null {
  const places = settingsOf(root).filter((found) => found.path.at(-1) === key);
  return places.length === 0
    ? null
    : ` (it belongs at ${places.map((found) => pathText(found.path)).join(" or ")})`;
}

/** Not a key of anybody's, but a line of some other file, and perhaps of one that nobody is to see. */
function shortened(key: string): string {
  return key.length > LONGEST_SHOWN ? `${key.slice(0, LONGEST_SHOWN / 4)}...` : key;
}

function thereAre(known: readonly string[]): string {
  return known.length > MOST_NAMED ? "" : ` (there are ${known.join(", ")})`;
}

function fitScalar(scalar: Scalar, schema: GenericSchema | null): void {
  const { value, source } = scalar;
  const type = schema === null ? null : unwrap(schema).type;
  if (type === "string" || type === "picklist") {
    if ((typeof value === "number" || typeof value === "boolean") && source !== undefined)
      scalar.value = source;
  } else if (type === "boolean") {
    if (typeof value === "string" && /^(y|Y|yes|Yes|YES|on|On|ON)$/.test(value)) scalar.value = true;
    if (typeof value === "string" && /^(n|N|no|No|NO|off|Off|OFF)$/.test(value)) scalar.value = false;
  } else if (typeof value === "number" && source !== undefined && /^[+-]?0[0-7]+$/.test(source)) {
    scalar.value = Number.parseInt(source, 8);
  }
}

function isMergeKey(pair: Pair): boolean {
  if (!isScalar(pair.key)) return false;
  return typeof pair.key.value === "symbol" || pair.key.value === "<<";
}

function isEmpty(value: unknown): boolean {
  return value === null || (isScalar(value) && value.value === null);
}

/** `setup_command: ""` is how a template writes what nobody set, wherever an empty text cannot be meant. */
function isUnset(value: unknown, schema: GenericSchema | null): boolean {
  if (schema?.type !== "optional" || !isScalar(value) || value.value !== "") return false;
  const inner = unwrap(schema);
  return (inner.type === "string" || inner.type === "picklist") && !is(inner, "");
}

function keyOffset(pair: Pair): number {
  return isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
}
