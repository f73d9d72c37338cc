/** Flags, config file and environment made into settings; what is wrong anywhere is told in one go. */
import { readCaFile } from "../config/ca-file.ts";
import { ConfigError } from "../config/config-error.ts";
import type { FlagValues } from "../config/flag-values.ts";
import { KeyError } from "../config/key-source.ts";
import { type LoadedFile, loadConfigFile, NO_FILE } from "../config/load.ts";
import {
  caFileOf,
  chooseKey,
  type ResolveInput,
  resolveSettings,
  type SettingDefaults,
  withKey,
} from "../config/resolve.ts";
import type { Settings } from "../config/settings.ts";
import type { Host } from "../config/state-dir.ts";

/** Rejects with a ConfigError that holds every problem, or with the reason of `stop`. */
export async function loadSettings(flags: FlagValues, host: Host, stop: AbortSignal): Promise<Settings> {
  return await settingsFrom(flags, await loadFile(flags, stop), host);
}

/** The same of what is written alone: neither the key nor any other file that is named has to be there. */
export async function loadWrittenSettings(
  flags: FlagValues,
  host: Host,
  stop: AbortSignal,
): Promise<Settings> {
  const file = await loadFile(flags, stop);
  const noKey = crypto.randomUUID();
  return resolveSettings({ ...host, flags: withKey(flags, noKey), file });
}

/** What is wrong in it is among its problems. Rejects with the reason of `stop` alone. */
export async function loadFile({ configFile }: FlagValues, stop: AbortSignal): Promise<LoadedFile> {
  return configFile === null ? NO_FILE : await loadConfigFile(configFile, stop);
}

/** Rejects with a ConfigError that holds every problem. The key and the CA file are tried, not only named. */
export async function settingsFrom(
  flags: FlagValues,
  file: LoadedFile,
  host: Host,
  defaults: SettingDefaults = {},
): Promise<Settings> {
  const input: ResolveInput = { ...host, flags, file, defaults };
  const attempts = await Promise.all([
    problemsOf(() => resolveSettings(input)),
    problemsOf(() => tryKey(input)),
    problemsOf(() => tryCaFile(input)),
  ]);
  const problems = attempts.flatMap((attempt) => attempt.problems);
  const [{ value }] = attempts;
  if (problems.length > 0 || value === null) throw new ConfigError(problems);
  return value;
}

async function tryKey(input: ResolveInput): Promise<void> {
  const choice = chooseKey(input);
  if (choice.kind === "source") await choice.source.read();
}

async function tryCaFile(input: ResolveInput): Promise<void> {
  const path = caFileOf(input);
  if (path !== null) await readCaFile(path);
}

async function problemsOf<T>(
  attempt: () => T | Promise<T>,
): Promise<{ readonly value: T | null; readonly problems: readonly string[] }> {
  try {
    return { value: await attempt(), problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { value: null, problems: error.problems };
    if (error instanceof KeyError) return { value: null, problems: [error.message] };
    throw error;
  }
}
