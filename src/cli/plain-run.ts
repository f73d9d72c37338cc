/**
 * The short way for the command lines that units and images have: `run` or nothing, then known long flags
 * with a value each. Every parser reads those alike, so node:util's, which costs a start a twelfth of its
 * time to load, is left alone. Anything else goes the long way, which explains itself; a test holds the two
 * to agree.
 */
import { type FlagValues, readFlagValues } from "../config/flag-values.ts";
import { runFlags } from "../config/flags.ts";

const LONG_FLAG = /^--([a-z-]+)(?:=(.*))?$/s;

/** @param argv without the executable. Null: take the long way. */
export function readPlainRun(argv: readonly string[]): FlagValues | null {
  const defs = runFlags();
  const values = new Map<string, string[]>();
  const words = (argv[0] === "run" ? argv.slice(1) : argv).values();
  for (const word of words) {
    const [, name = "", glued] = LONG_FLAG.exec(word) ?? [];
    if (!Object.hasOwn(defs, name) || defs[name]?.type === "boolean") return null;
    const value = glued ?? words.next().value;
    // What looks like a flag where a value should be is a mistake that only the long way may judge.
    if (value === undefined || (glued === undefined && value.startsWith("-"))) return null;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return readFlagValues({ values, problems: [], broken: new Set() }, defs);
}
