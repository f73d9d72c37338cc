/**
 * The daemon's flags as citty definitions. Those that are settings of the file too are made from the
 * schema; those that are flags only are declared here.
 */
import type { BooleanArgDef, EnumArgDef, StringArgDef } from "citty";
import * as v from "valibot";
import { environmentFlagProblem } from "./environment.ts";
import { text, volume } from "./field.ts";
import { directSchema } from "./schema-direct.ts";
import { childOf, type Setting, settingOf, settingsOf } from "./schema-walk.ts";
import { workerEntries } from "./schema-worker.ts";

export type FlagDef = (StringArgDef | BooleanArgDef | EnumArgDef) & {
  readonly multiple?: boolean;
  /** Works, and is left out of the help. */
  readonly hidden?: boolean;
  /** Checks one value; built when there is one. Without it the value is checked elsewhere, or anything goes. */
  readonly schema?: () => v.GenericSchema;
  /** True: a wrong value is not shown. */
  readonly secret?: boolean;
  /** The setting of the file that it is the flag of. */
  readonly setting?: Setting;
};
export type FlagDefs = Readonly<Record<string, FlagDef>>;

export const BACKEND_KINDS = ["docker", "kubernetes", "direct", "command"] as const;

function url(schemes: readonly string[]) {
  const starts = schemes.map((scheme) => `${scheme}//`).join(" or ");
  const rule = `must be a URL that starts with ${starts}, without a fragment`;
  return v.pipe(
    v.string(rule),
    v.check((value) => {
      const parsed = URL.canParse(value) ? new URL(value) : null;
      return parsed !== null && schemes.includes(parsed.protocol) && !value.includes("#");
    }, rule),
  );
}

function variable() {
  return v.pipe(
    v.string(),
    v.check(
      (entry) => environmentFlagProblem(entry) === null,
      (issue) => environmentFlagProblem(issue.input) ?? "",
    ),
  );
}

/** The part of the config file that flags can say: the blocks of the other backends have none. */
export function flaggedSchema() {
  const backend = v.strictObject({ direct: v.optional(directSchema()) });
  return v.strictObject({ ...workerEntries(), backend: v.optional(backend) });
}

/** In the shape of the config file. */
export type FlagSettings = v.InferInput<ReturnType<typeof flaggedSchema>>;

/** Flags without a key in the file. */
export const OWN_FLAGS = {
  "api-key": {
    type: "string",
    valueHint: "KEY",
    description:
      "API key; other users of this host can see it here, so prefer WARP_API_KEY or --api-key-file",
    secret: true,
  },
  "config-file": {
    type: "string",
    valueHint: "PATH",
    description: "YAML config file; flags win over it",
    schema: text,
  },
  backend: {
    type: "enum",
    options: [...BACKEND_KINDS],
    description: "What runs the tasks (default: the one in the config file, else docker)",
    schema: () => v.picklist(BACKEND_KINDS),
  },
  "stop-at-end-of-input": {
    type: "boolean",
    hidden: true,
    description: "Stop gently when standard input ends, as it does with a `dev` that is killed",
  },
  "scratch-dir": {
    type: "string",
    hidden: true,
    valueHint: "DIR",
    description: "Remove this folder at the end, for a `dev` that is gone cannot",
    schema: text,
  },
  "no-cleanup": { type: "boolean", description: "Keep containers, Jobs and workspaces of ended tasks" },
  volumes: {
    type: "string",
    alias: "v",
    multiple: true,
    valueHint: "HOST:CONTAINER[:ro|rw]",
    description: "Mount a host folder into every task's container (docker only, repeatable)",
    schema: volume,
  },
  env: {
    type: "string",
    alias: "e",
    multiple: true,
    valueHint: "KEY[=VALUE]",
    description: "Set a variable for every task; KEY alone passes the worker's own value (repeatable)",
    secret: true,
    schema: variable,
  },
  "web-socket-url": {
    type: "string",
    hidden: true,
    valueHint: "URL",
    // There may be a password in it, or a token in its query.
    secret: true,
    description: "Where the control plane listens",
    default: "wss://oz.warp.dev/api/v1/selfhosted/worker/ws",
    schema: () => url(["ws:", "wss:"]),
  },
  "server-root-url": {
    type: "string",
    hidden: true,
    valueHint: "URL",
    description: "The server that agents talk to",
    default: "https://app.warp.dev",
    schema: () => url(["http:", "https:"]),
  },
  "session-sharing-server-url": {
    type: "string",
    hidden: true,
    valueHint: "URL",
    description: "The session sharing server that agents talk to",
    schema: () => url(["ws:", "wss:", "http:", "https:"]),
  },
} satisfies FlagDefs;

export type OwnFlagName = keyof typeof OWN_FLAGS;

/** All flags of `run`, those of the file's settings first. */
export function runFlags(): FlagDefs {
  return { ...settingFlags(), ...OWN_FLAGS };
}

/** One of them, for which the others are not built; null: there is none of that name. */
export function runFlag(name: string): FlagDef | null {
  if (isOwnFlag(name)) return OWN_FLAGS[name];
  // A test holds each flag of a setting to be called as its key is.
  const key = name.replaceAll("-", "_");
  const worker: Entries = workerEntries();
  if (Object.hasOwn(worker, key)) return flagOf(name, [key], worker[key]);
  return flagOf(name, ["backend", "direct", key], childOf(directSchema(), key));
}

type Entries = Readonly<Record<string, v.GenericSchema>>;

function flagOf(name: string, path: readonly string[], entry: v.GenericSchema | null | undefined) {
  const found = entry ? settingOf(path, entry) : null;
  return found?.info.flag === name ? settingFlag(found) : null;
}

function isOwnFlag(name: string): name is OwnFlagName {
  return Object.hasOwn(OWN_FLAGS, name);
}

function settingFlags(): FlagDefs {
  const flags: Record<string, FlagDef> = {};
  for (const found of settingsOf(flaggedSchema())) {
    const { flag } = found.info;
    if (flag !== undefined) flags[flag] = settingFlag(found);
  }
  return flags;
}

function settingFlag(found: Setting): FlagDef {
  const base = {
    description: found.description,
    schema: () => found.schema,
    setting: found,
    ...(found.info.valueHint === undefined ? {} : { valueHint: found.info.valueHint }),
    ...(found.fallback === undefined ? {} : { default: String(found.fallback) }),
  };
  if (found.schema.type === "picklist" && "options" in found.schema && Array.isArray(found.schema.options)) {
    return { ...base, type: "enum", options: found.schema.options.map(String) };
  }
  return { ...base, type: "string" };
}
