/** The flags, checked: those that are settings of the file in the file's own shape, the others by name. */
import * as v from "valibot";
import { BACKEND_KINDS, type FlagDef, type FlagDefs, type FlagSettings, type OwnFlagName } from "./flags.ts";
import { issueText } from "./issue-text.ts";
import { pathText } from "./schema-walk.ts";
import type { BackendKind } from "./settings.ts";

/** A command line taken apart, values unchecked. */
export interface RawFlags {
  /** By name without dashes; a flag without a value counts as given. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly string[];
  /** Names of flags that were given and could not be read. */
  readonly broken: ReadonlySet<string>;
}

export interface FlagValues {
  /** As if the config file said it. */
  readonly settings: FlagSettings;
  readonly apiKey: string | null;
  readonly configFile: string | null;
  readonly backend: BackendKind | null;
  /** As written, checked. */
  readonly volumes: readonly string[];
  readonly environment: readonly string[];
  readonly noCleanup: boolean;
  readonly stopAtEndOfInput: boolean;
  readonly scratchDir: string | null;
  readonly webSocketUrl: string | null;
  readonly serverRootUrl: string | null;
  readonly sessionSharingServerUrl: string | null;
  readonly problems: readonly string[];
  /** What was given wrongly, and so must not be called missing: flag names, and paths of the settings they are for. */
  readonly broken: ReadonlySet<string>;
}

export function readFlagValues(raw: RawFlags, defs: FlagDefs): FlagValues {
  const problems = [...raw.problems];
  const broken = new Set(raw.broken);
  const good = new Map<string, readonly string[]>();
  const settings: Record<string, unknown> = {};
  for (const [name, def] of Object.entries(defs)) {
    const given = raw.values.get(name) ?? [];
    // Of a flag that is not repeatable the last one counts, and so does only its mistake.
    const values = def.multiple ? given : given.slice(-1);
    const wrong = values.flatMap((value) => valueProblem(name, def, value) ?? []);
    problems.push(...wrong);
    if (wrong.length > 0) broken.add(name);
    else if (values.length > 0) good.set(name, values);
    const value = good.get(name)?.at(-1);
    if (def.setting && value !== undefined) put(settings, def.setting.path, typed(def, value));
    if (def.setting && broken.has(name)) broken.add(pathText(def.setting.path));
  }
  const last = (name: OwnFlagName): string | null => good.get(name)?.at(-1) ?? null;
  const all = (name: OwnFlagName): readonly string[] => good.get(name) ?? [];
  return {
    // Each value has passed its own schema; building the whole again to say so costs every start 0.3 MB.
    settings: settings as FlagSettings,
    apiKey: last("api-key"),
    configFile: last("config-file"),
    backend: BACKEND_KINDS.find((kind) => kind === last("backend")) ?? null,
    volumes: all("volumes"),
    environment: all("env"),
    noCleanup: good.has("no-cleanup"),
    stopAtEndOfInput: good.has("stop-at-end-of-input"),
    scratchDir: last("scratch-dir"),
    webSocketUrl: last("web-socket-url"),
    serverRootUrl: last("server-root-url"),
    sessionSharingServerUrl: last("session-sharing-server-url"),
    problems,
    broken,
  };
}

/** Text for one value of one flag, as it will be shown after the flag's name. */
export function valueProblem(name: string, def: FlagDef, value: string): readonly string[] {
  if (def.schema === undefined) return [];
  const result = v.safeParse(def.schema(), typed(def, value), { abortPipeEarly: true });
  if (result.success) return [];
  return result.issues.map((issue) => `--${name} ${issueText(issue, def.secret === true)}`);
}

/** A number where the setting is one; a text that is none stays, and the schema refuses it by its words. */
function typed(def: FlagDef, value: string): unknown {
  return def.schema?.().type === "number" && /^[+-]?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
}

/** No two flags are for the same block below the top, so a block need not be merged. */
function put(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...below] = path;
  if (key === undefined) return;
  if (below.length === 0) {
    root[key] = value;
    return;
  }
  const inner: Record<string, unknown> = {};
  put(inner, below, value);
  root[key] = inner;
}
