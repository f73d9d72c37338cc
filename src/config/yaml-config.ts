/** The text of a config file made into checked settings. Imported only when there is a file: `yaml` costs memory. */
import * as v from "valibot";
import { type Document, isMap, isScalar, LineCounter, parseDocument } from "yaml";
import { BACKEND_KINDS } from "./flags.ts";
import { issueText } from "./issue-text.ts";
import { configSchema, type FileConfig } from "./schema.ts";
import { isSecret, type Path, pathText } from "./schema-walk.ts";
import { type Finding, fitToSchema } from "./yaml-fit.ts";
import { offsetOf } from "./yaml-locate.ts";
import { repeatedKeys } from "./yaml-repeated-keys.ts";
import { syntaxProblem } from "./yaml-syntax.ts";

type Schema = ReturnType<typeof configSchema>;

/** A stray bracket can make a thousand of them, and a file that is another program's a line each. */
const MOST_SYNTAX_PROBLEMS = 20;
const MOST_PROBLEMS = 100;

export interface CheckedText {
  /** What is right in the file. */
  readonly config: FileConfig;
  /** In the order of the lines, each with file, line and column. */
  readonly problems: readonly string[];
  /** Keys that are given and wrong; null: nobody can tell. */
  readonly broken: ReadonlySet<string> | null;
  /** A backend's key without a block behind it, which chooses nothing, and was meant to. */
  readonly emptyBackend: string | null;
}

export function checkYaml(text: string, file: string): CheckedText {
  const lines = new LineCounter();
  const place = ({ offset, text: sentence }: Pick<Finding, "offset" | "text">) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${sentence}`;
  };
  const document = parse(text, lines);
  if (typeof document === "string")
    return { config: {}, problems: [`${file}: ${document}`], broken: null, emptyBackend: null };
  const syntax = document.errors.map((error) => ({ offset: error.pos[0], text: syntaxProblem(error, text) }));
  // After anything but a repeated key the parser guesses, and its guesses would be reported too.
  if (document.errors.some((error) => error.code !== "DUPLICATE_KEY")) {
    // The parser may stumble over one place again and again, and once is enough to be told.
    const places = [...new Set(sorted(syntax).map(place))];
    const problems = atMost(
      MOST_SYNTAX_PROBLEMS,
      places,
      (more) => `${file}: ${more} more places are not well-formed`,
    );
    return { config: {}, problems, broken: null, emptyBackend: null };
  }
  const schema = configSchema();
  const emptyBackend = keyWithoutBlock(document);
  const unfit = document.contents === null ? [] : fitToSchema(document, schema);
  const raw = plainValue(document);
  if (typeof raw === "string") {
    // What was no key of ours is left out by now, and an alias of something in it leads nowhere.
    const problems = unfit.length > 0 ? sorted([...syntax, ...unfit]).map(place) : [`${file}: ${raw}`];
    return { config: {}, problems, broken: null, emptyBackend: null };
  }
  const { issues, good } = validate(schema, raw.value);
  const wrong = [...findingsOf(issues, document, schema, unfit), ...twoBackends(document, raw.value)];
  const { config, broken } =
    good !== null && wrong.length === 0
      ? { config: good, broken: new Set<string>() }
      : keepGood(schema, raw.value, wrong);
  for (const { meant } of unfit) if (meant) markBroken(broken, meant);
  const places = sorted([...syntax, ...unfit, ...wrong]).map(place);
  const problems = atMost(
    MOST_PROBLEMS,
    places,
    (more) => `${file}: ${more} more mistakes; is it the right file?`,
  );
  return { config, problems, broken, emptyBackend };
}

function atMost(most: number, lines: readonly string[], rest: (more: number) => string): readonly string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most), rest(lines.length - most)];
}

function parse(text: string, lineCounter: LineCounter): Document | string {
  try {
    const document = parseDocument(withoutEmptyDocuments(text), {
      lineCounter,
      prettyErrors: false,
      merge: true,
      logLevel: "error",
      uniqueKeys: false,
    });
    document.errors.push(...repeatedKeys(document));
    return document;
  } catch {
    return "The YAML cannot be read; it may be nested too deeply";
  }
}

/** Some tools end a file with a marker behind which there is nothing: the original reads what is before it. */
function withoutEmptyDocuments(text: string): string {
  return text.replace(/(?:\n---[ \t]*(?:\r?\n[ \t]*(?:#[^\r\n]*)?)*)+$/, "\n");
}

/** The document as data, or why it is none: aliases in a circle, or too many of them. */
function plainValue(document: Document): { readonly value: unknown } | string {
  try {
    const value: unknown = document.toJS() ?? {};
    JSON.stringify(value);
    return { value };
  } catch {
    return "Its aliases (*name) form a circle or expand to too much";
  }
}

function keyWithoutBlock(document: Document): string | null {
  const backend = document.get("backend");
  const empty = isMap(backend)
    ? backend.items.find(({ value }) => isScalar(value) && value.value === null)
    : null;
  return empty && isScalar(empty.key) ? String(empty.key.value) : null;
}

function validate(schema: Schema, raw: unknown) {
  const result = v.safeParse(schema, raw, { abortPipeEarly: true });
  // Not the output, which has the defaults in it: what the file says must be told from what it leaves out.
  return { issues: result.issues ?? [], good: result.success ? (raw as FileConfig) : null };
}

function findingsOf(
  issues: readonly v.BaseIssue<unknown>[],
  document: Document,
  schema: Schema,
  unfit: readonly Finding[],
): readonly Finding[] {
  const told = new Set(unfit.map(({ path }) => pathText(path)));
  return issues.flatMap((issue): readonly Finding[] => {
    const path = pathOf(issue);
    if (told.has(pathText(path))) return [];
    return [{ offset: offsetOf(document, path), text: sentenceOf(issue, path, schema), path }];
  });
}

function sentenceOf(issue: v.BaseIssue<unknown>, path: Path, schema: Schema): string {
  const named = BACKEND_KINDS.find((kind) => kind === issue.input);
  const hint = pathText(path) === "backend" && named !== undefined ? `; write ${named}: {} below it` : "";
  if (path.length > 0) return `${pathText(path)} ${issueText(issue, isSecret(schema, path))}${hint}`;
  // Not shown: a file of one word is often the key file, given in the place of this one.
  if (typeof issue.input === "string")
    return "The config file must be a mapping, not one piece of text; is it the right file?";
  return `The config file ${issueText(issue, false)}`;
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}

function twoBackends(document: Document, raw: unknown): readonly Finding[] {
  const kinds = isMapping(raw) && isMapping(raw["backend"]) ? Object.keys(raw["backend"]) : [];
  const [, second] = kinds;
  if (second === undefined) return [];
  const text = `backend holds ${kinds.join(" and ")}; only one backend may be configured`;
  return [{ offset: offsetOf(document, ["backend", second]), text, path: ["backend"] }];
}

/**
 * The file without its mistakes, so that what else is wrong (a missing key, a bad flag) can be
 * found in the same go without blaming the operator for what the mistakes took away.
 */
function keepGood(schema: Schema, raw: unknown, wrong: readonly Finding[]) {
  const broken = new Set<string>();
  const config: unknown = isMapping(raw) ? structuredClone(raw) : {};
  for (const { path } of wrong) {
    markBroken(broken, path);
    remove(config, settingAt(path));
  }
  if (v.is(schema, config)) return { config, broken };
  remove(config, ["backend"]);
  broken.add("backend");
  return { config: v.is(schema, config) ? config : {}, broken };
}

/** The whole setting that a path lies in: `backend.direct.environment` of `backend.direct.environment[0].name`. */
function settingAt(path: Path): readonly string[] {
  return path.slice(0, path[0] === "backend" ? 3 : 1).map(String);
}

function markBroken(broken: Set<string>, path: Path): void {
  const setting = settingAt(path);
  broken.add(pathText(setting));
  // With a block gone nobody knows which backend was meant.
  if (setting[0] === "backend" && setting.length < 3) broken.add("backend");
}

function remove(root: unknown, [key, ...below]: readonly string[]): void {
  if (key === undefined || !isMapping(root)) return;
  if (below.length === 0) delete root[key];
  else remove(root[key], below);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted<T extends { readonly offset: number }>(findings: readonly T[]): readonly T[] {
  return [...findings].sort((a, b) => a.offset - b.offset);
}
