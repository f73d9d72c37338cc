/**
 * Takes a command line apart by the flag definitions. node:util's parser does the reading; its
 * strict mode would stop at the first mistake and citty's parser makes none of them (it keeps the
 * last of a repeated flag, lets unknown flags pass and eats a flag as another's value), so what strict
 * mode refuses is refused here, all of it at once.
 */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { RawFlags } from "../config/flag-values.ts";
import type { FlagDef, FlagDefs } from "../config/flags.ts";
import { didYouMean, nearest } from "../config/nearest.ts";

export interface Scanned extends RawFlags {
  /** In the order given; the value of a flag without one is null. */
  readonly given: readonly { readonly name: string; readonly value: string | null }[];
  readonly positionals: readonly string[];
}

/** Part of every command. */
export const COMMON_FLAGS = {
  help: { type: "boolean", alias: "h", description: "Show this help" },
  version: { type: "boolean", description: "Show the version" },
} satisfies FlagDefs;

interface State {
  readonly defs: FlagDefs;
  readonly given: { name: string; value: string | null }[];
  readonly positionals: string[];
  readonly problems: string[];
  readonly broken: Set<string>;
  /** Whether arguments that are no flags have a meaning. */
  readonly takesPositionals: boolean;
}

type Token = ReturnType<typeof tokensOf>[number];
type OptionToken = Extract<Token, { kind: "option" }>;

export function scanFlags(args: readonly string[], own: FlagDefs, takesPositionals = false): Scanned {
  const defs = { ...own, ...COMMON_FLAGS };
  const state: State = {
    defs,
    given: [],
    positionals: [],
    problems: [],
    broken: new Set(),
    takesPositionals,
  };
  let rest = args;
  while (rest.length > 0) rest = scanPart(rest, state);
  const values = new Map<string, string[]>();
  for (const { name, value } of state.given) values.set(name, [...(values.get(name) ?? []), value ?? ""]);
  return { ...state, values };
}

/** Reads on until a flag turns out to have been eaten as the value of another; returns what is to be read again. */
function scanPart(args: readonly string[], state: State): readonly string[] {
  let previous: Token | null = null;
  for (const token of tokensOf(args, state.defs)) {
    // `-worker-id` comes as short flags -w, -o, -r, -k and -e: one mistake, the first.
    if (previous?.index === token.index && isUnknown(previous, state.defs)) continue;
    if (token.kind === "positional") takePositional(token.value, token.index, previous, state);
    if (token.kind === "option") {
      const def = defOf(token, state.defs);
      if (def === null) takeUnknown(token, args, state);
      else if (takeOption(token, def, state) === "eaten") return args.slice(token.index + 1);
    }
    previous = token;
  }
  return [];
}

function defOf(token: OptionToken, defs: FlagDefs): FlagDef | null {
  return Object.hasOwn(defs, token.name) ? (defs[token.name] ?? null) : null;
}

function isUnknown(token: Token, defs: FlagDefs): boolean {
  return token.kind === "option" && defOf(token, defs) === null;
}

/** `eaten`: its value is another flag, which is to be read for itself. */
function takeOption(token: OptionToken, def: FlagDef, state: State): "taken" | "eaten" {
  const { name, value, rawName } = token;
  const fail = (problem: string) => {
    state.problems.push(`${rawName} ${problem}`);
    state.broken.add(name);
    return "taken" as const;
  };
  if (def.type === "boolean") {
    const on = readSwitch(value);
    if (on === null)
      return fail(`is true or false, not ${JSON.stringify(value)}; without a value it is true`);
    switchTo(name, on, state);
    return "taken";
  }
  if (value === undefined) return fail("needs a value");
  if (!token.inlineValue && value.length > 1 && value.startsWith("-") && !isNegative(def, value)) {
    const eaten = knownFlagIn(value, state.defs);
    if (eaten === null)
      return fail(`needs a value, and what follows starts with "-"; write --${name}=VALUE if it is one`);
    fail(`needs a value, but the flag ${eaten} follows`);
    return "eaten";
  }
  // `-e=KEY=VALUE` means KEY=VALUE in Go's parsers; no value of a short flag starts with "=".
  const shortEquals = token.inlineValue && !rawName.startsWith("--") && value.startsWith("=");
  state.given.push({ name, value: shortEquals ? value.slice(1) : value });
  return "taken";
}

/** Go's parsers take `--no-cleanup=true`, and unit files have it. Null: neither. */
function readSwitch(value: string | undefined): boolean | null {
  if (value === undefined || /^(1|t|true)$/i.test(value)) return true;
  return /^(0|f|false)$/i.test(value) ? false : null;
}

/** The last one counts, so one that is switched off was not given. */
function switchTo(name: string, on: boolean, { given }: State): void {
  const others = given.filter((flag) => flag.name !== name);
  given.splice(0, given.length, ...others, ...(on ? [{ name, value: null }] : []));
}

function takePositional(value: string, index: number, previous: Token | null, state: State): void {
  if (state.takesPositionals) {
    state.positionals.push(value);
    return;
  }
  if (previous?.kind === "option") {
    // Most likely the value of the flag that nobody knows, which is reported already.
    if (defOf(previous, state.defs) === null && previous.index === index - 1) return;
  }
  // Not only the next one: in `--env TOKEN = value` the value is the second.
  const secret = state.given.findLast(({ name }) => state.defs[name]?.secret);
  if (secret !== undefined) {
    state.problems.push(
      `Unexpected argument after --${secret.name}; quote a value with spaces, and give the name of a command before the flags`,
    );
    return;
  }
  const hint = Object.hasOwn(state.defs, "config-file") ? configFileHint(value) : "";
  state.problems.push(
    `Unexpected argument ${JSON.stringify(value)}${hint || "; this command takes flags only, and the name of a command comes before them"}`,
  );
}

/** For `oz-agent-worker worker.yaml`, as many a daemon takes it. Nothing for what does not look like one. */
export function configFileHint(word: string): string {
  return /\.ya?ml$/i.test(word) ? "; the config file is given by --config-file" : "";
}

function takeUnknown(token: OptionToken, args: readonly string[], state: State): void {
  const [written = ""] = (args[token.index] ?? "").split("=");
  const visible = Object.keys(state.defs).filter((name) => !state.defs[name]?.hidden);
  // Go's own flag package takes one dash for two, so the whole of `-worker-id` is compared.
  const meant = written.replace(/^-+/, "");
  // `--api-keyVALUE`: what was meant as its value is not shown.
  const glued = visible.find((name) => state.defs[name]?.secret && meant.startsWith(name)) ?? null;
  const similar = nearest(meant, visible);
  const near = similar ?? glued;
  if (near === null) {
    // No more than the letter: what follows may be a secret.
    state.problems.push(`Unknown flag ${token.rawName}`);
    return;
  }
  const shown = similar === null ? `--${near}...` : written;
  state.problems.push(`Unknown flag ${shown}${didYouMean(`--${near}`)}`);
  // It was meant, so nobody must call it missing.
  state.broken.add(near);
}

/** `--help` in `--worker-id --help`; null for what only starts like a flag, and may be a secret. */
function knownFlagIn(value: string, defs: FlagDefs): string | null {
  const [written = ""] = value.split("=");
  if (written.startsWith("--")) return Object.hasOwn(defs, written.slice(2)) ? written : null;
  const short = value.slice(0, 2);
  return Object.values(defs).some((def) => `-${def.alias}` === short) ? short : null;
}

/** node:util calls it ambiguous; the setting's own rule says better what is wrong with it. */
function isNegative(def: FlagDef, value: string): boolean {
  return def.schema?.().type === "number" && /^-[\d.]+$/.test(value);
}

function tokensOf(args: readonly string[], defs: FlagDefs) {
  const options: ParseArgsOptionsConfig = {};
  for (const [name, def] of Object.entries(defs)) {
    options[name] = {
      type: def.type === "boolean" ? "boolean" : "string",
      multiple: true,
      ...(typeof def.alias === "string" ? { short: def.alias } : {}),
    };
  }
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}
