/**
 * The short way for the config files that nearly everybody has: block mappings and lists of plain or
 * simply quoted values, with nothing wrong in them. The runtime's own parser reads those, which saves
 * every start 6 ms and 6 MB of the `yaml` library. Anything else, and anything that is not exactly
 * what the schema wants, goes the long way, which explains itself; a test holds the two to agree.
 */
import { safeParse } from "valibot";
import { parseYamlNatively } from "../runtime/yaml.ts";
import { configSchema, type FileConfig } from "./schema.ts";

const KEY = "[A-Za-z_][\\w./-]*";
/** Starts with a letter or a slash, has nothing in it that YAML could take for syntax: a colon at the end of a word is. */
const WORDS = "[A-Za-z/](?:[\\w./@+=,-]|:(?=[\\w./@+=,:-]))*(?: [\\w./@+=,-]+)*";
const QUOTED = "\"[^\"\\\\]*\"|'[^']*'";
const INTEGER = "0|[1-9]\\d{0,9}";
/** `45m`, `10Gi`: digits and a unit, but not the `1e3`, `0x1f` or `0o17` of numbers. */
const AMOUNT = "\\d+(?:ns|us|ms|[smhdw]|Ki|Mi|Gi|Ti)";
const VALUE = `(?:${QUOTED}|${INTEGER}|${AMOUNT}|${WORDS})`;
const COMMENT = "(?: +#.*)?";
const LINE = new RegExp(`^ *(?:- +)?(?:(${KEY}):(?: +${VALUE})?|${VALUE})${COMMENT} *$`);
const NOTHING = /^ *(?:#.*)?$/;
/** Words that one version of YAML reads as a truth value or as nothing, and another as text. */
const AMBIGUOUS = /(?:^|[\s:])(?:y|yes|n|no|on|off|null|nil|nan|inf)\s*(?:[#:]|$)/i;

/** Null: take the long way. */
export function readPlainYaml(text: string): FileConfig | null {
  const keys = countPlainKeys(text);
  if (keys === null) return null;
  const value = parseOrNull(text);
  // A key that is given twice is one key in the result.
  if (countKeys(value) !== keys || !safeParse(configSchema(), value).success) return null;
  // Not the parsed output, which has the defaults in it.
  const config = value as FileConfig;
  return Object.keys(config.backend ?? {}).length > 1 ? null : config;
}

/** Null: there is a line that is not plain. */
function countPlainKeys(text: string): number | null {
  let keys = 0;
  for (const line of text.split("\n")) {
    if (NOTHING.test(line)) continue;
    const match = LINE.exec(line);
    if (match === null || AMBIGUOUS.test(line)) return null;
    if (match[1] !== undefined) keys += 1;
  }
  return keys;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, each) => sum + countKeys(each), 0);
  return Array.isArray(value) ? inner : inner + Object.keys(value).length;
}

function parseOrNull(text: string): unknown {
  try {
    return parseYamlNatively(text);
  } catch {
    return null;
  }
}
