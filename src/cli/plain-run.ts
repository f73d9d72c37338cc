/**
 * The short way for the command lines that units and images have: `run` or nothing, then long flags with a
 * value each that is plainly right. Neither node:util's parser nor the schemas of all settings are needed to
 * see that, which together cost a start a tenth of its time. Anything else goes the long way, which explains
 * itself; a test holds the two to agree.
 */
import { parseAddress } from "../config/address.ts";
import { parseHumantime } from "../config/duration.ts";
import { environmentFlagProblem } from "../config/environment.ts";
import type { FlagValues } from "../config/flag-values.ts";
import { BACKEND_KINDS, type FlagSettings } from "../config/flags.ts";
import { isUrlOf, PAGE_SCHEMES, SESSION_SCHEMES, SOCKET_SCHEMES } from "../config/url.ts";
import { volumeProblem } from "../config/volume.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../logging/logger.ts";

const LONG_FLAG = /^--([a-z-]+)(?:=(.*))?$/s;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Draft extends Mutable<Omit<FlagValues, "settings" | "volumes" | "environment">> {
  readonly settings: Mutable<FlagSettings>;
  readonly volumes: string[];
  readonly environment: string[];
}

/** False: only the long way may judge the value. */
type Take = (draft: Draft, value: string) => boolean;

/** @param argv without the executable. Null: take the long way. */
export function readPlainRun(argv: readonly string[]): FlagValues | null {
  const draft = emptyDraft();
  const words = (argv[0] === "run" ? argv.slice(1) : argv).values();
  for (const word of words) {
    const [, name = "", glued] = LONG_FLAG.exec(word) ?? [];
    if (!Object.hasOwn(PLAIN, name)) return null;
    const value = glued ?? words.next().value;
    // What looks like a flag where a value should be is a mistake that only the long way may judge.
    if (value === undefined || (glued === undefined && value.startsWith("-"))) return null;
    if (PLAIN[name]?.(draft, value) !== true) return null;
  }
  return draft;
}

function emptyDraft(): Draft {
  return {
    settings: {},
    apiKey: null,
    configFile: null,
    backend: null,
    volumes: [],
    environment: [],
    noCleanup: false,
    stopAtEndOfInput: false,
    webSocketUrl: null,
    serverRootUrl: null,
    sessionSharingServerUrl: null,
    problems: [],
    broken: new Set(),
  };
}

const PLAIN: Readonly<Record<string, Take>> = {
  "api-key": own("apiKey", () => true),
  "config-file": own("configFile", isText),
  backend: (draft, value) => {
    draft.backend = BACKEND_KINDS.find((kind) => kind === value) ?? null;
    return draft.backend !== null;
  },
  "web-socket-url": own("webSocketUrl", (value) => isUrlOf(SOCKET_SCHEMES, value)),
  "server-root-url": own("serverRootUrl", (value) => isUrlOf(PAGE_SCHEMES, value)),
  "session-sharing-server-url": own("sessionSharingServerUrl", (value) => isUrlOf(SESSION_SCHEMES, value)),
  volumes: oneMore("volumes", (value) => volumeProblem(value) === null),
  env: oneMore("environment", (value) => environmentFlagProblem(value) === null),
  "worker-id": setting("worker_id", (value) => /^(?!warp)[\w.-]+$/.test(value)),
  "api-key-file": setting("api_key_file", isText),
  "state-dir": setting("state_dir", (value) => /^[^~]/.test(value) && isText(value)),
  "idle-on-complete": setting("idle_on_complete", (value) => parseHumantime(value) !== null),
  "health-address": setting("health_address", (value) => parseAddress(value) !== null),
  "log-level": choice("log_level", LOG_LEVELS),
  "log-format": choice("log_format", LOG_FORMATS),
  "max-concurrent-tasks": count("max_concurrent_tasks"),
  "target-dir": ofDirect("target_dir", isText),
};

function own(
  key: "apiKey" | "configFile" | "webSocketUrl" | "serverRootUrl" | "sessionSharingServerUrl",
  isRight: (value: string) => boolean,
): Take {
  return (draft, value) => {
    draft[key] = value;
    return isRight(value);
  };
}

function oneMore(key: "volumes" | "environment", isRight: (value: string) => boolean): Take {
  return (draft, value) => {
    draft[key].push(value);
    return isRight(value);
  };
}

function setting(
  key: "worker_id" | "api_key_file" | "state_dir" | "idle_on_complete" | "health_address",
  isRight: (value: string) => boolean,
): Take {
  return (draft, value) => {
    draft.settings[key] = value;
    return isRight(value);
  };
}

function count(key: "max_concurrent_tasks"): Take {
  return (draft, value) => {
    draft.settings[key] = Number(value);
    return /^\d{1,9}$/.test(value);
  };
}

function ofDirect(key: "target_dir", isRight: (value: string) => boolean): Take {
  return (draft, value) => {
    draft.settings.backend = { direct: { [key]: value } };
    return isRight(value);
  };
}

function choice<const K extends "log_level" | "log_format">(
  key: K,
  options: readonly NonNullable<FlagSettings[K]>[],
): Take {
  return (draft, value) => {
    const chosen = options.find((option) => option === value);
    draft.settings[key] = chosen;
    return chosen !== undefined;
  };
}

function isText(value: string): boolean {
  return value !== "" && !value.includes("\0");
}
