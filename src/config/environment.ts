/** The variables an operator gives to tasks: the file's `environment` and the flag `-e`. */
import type { HostEnvironment } from "./host-environment.ts";
import { once } from "./once.ts";
import type { EnvironmentVariable } from "./settings.ts";

interface FileEntry {
  readonly name: string;
  readonly value?: string | undefined;
}

export const VARIABLE_NAME = "^[^\\s=]+$";
export const VARIABLE_NAME_RULE = 'must be a name without white space or "="';

const namePattern = once(() => new RegExp(VARIABLE_NAME));

/** What is wrong with the text of `-e`, or null. Never shows a value, and a text without `=` may be one. */
export function environmentFlagProblem(text: string): string | null {
  const cut = text.indexOf("=");
  const name = cut === -1 ? text : text.slice(0, cut);
  if (name === "") return "has an empty variable name; write KEY=VALUE or KEY";
  if (!namePattern().test(name) || name.includes("\0")) {
    return `has white space in ${cut === -1 ? "a variable name" : `the variable name ${JSON.stringify(name)}`}; write KEY=VALUE or KEY`;
  }
  return text.includes("\0") ? "has a NUL character in a value" : null;
}

/**
 * The file's entries, then the flags'. A name without a value takes the worker's own, empty when
 * that is unset. Of entries with one name the last stays, in its place.
 */
export function resolveEnvironment(
  fileEntries: readonly FileEntry[],
  flagTexts: readonly string[],
  env: HostEnvironment,
): readonly EnvironmentVariable[] {
  const byName = new Map<string, string>();
  for (const { name, value } of [...fileEntries, ...flagTexts.map(readFlagEntry)]) {
    byName.delete(name);
    byName.set(name, value ?? env[name] ?? "");
  }
  return [...byName].map(([name, value]) => ({ name, value }));
}

function readFlagEntry(text: string): FileEntry {
  const cut = text.indexOf("=");
  return cut === -1 ? { name: text } : { name: text.slice(0, cut), value: text.slice(cut + 1) };
}
