/**
 * The short way for the command lines that units and images have: `run` or nothing, then known long flags
 * with a value each. Every parser reads those alike, so node:util's is left alone, and so are the flags that
 * are not given: together they cost a start a tenth of its time. Anything else goes the long way, which
 * explains itself; a test holds the two to agree.
 */
import { type FlagValues, readFlagValues } from "../config/flag-values.ts";
import { type FlagDef, runFlag, runFlags } from "../config/flags.ts";

const LONG_FLAG = /^--([a-z-]+)(?:=(.*))?$/s;

/** @param argv without the executable. Null: take the long way. */
export function readPlainRun(argv: readonly string[]): FlagValues | null {
  const defs: Record<string, FlagDef> = {};
  const values = new Map<string, string[]>();
  const words = (argv[0] === "run" ? argv.slice(1) : argv).values();
  for (const word of words) {
    const [, name = "", glued] = LONG_FLAG.exec(word) ?? [];
    const def = runFlag(name);
    if (def === null || def.type === "boolean") return null;
    const value = glued ?? words.next().value;
    // What looks like a flag where a value should be is a mistake that only the long way may judge.
    if (value === undefined || (glued === undefined && value.startsWith("-"))) return null;
    defs[name] = def;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  const raw = { values, problems: [], broken: new Set<string>() };
  const flags = readFlagValues(raw, defs);
  // What is wrong is told in the order of all flags.
  return flags.problems.length === 0 ? flags : readFlagValues(raw, runFlags());
}
