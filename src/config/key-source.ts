/**
 * Where the API key comes from. A key in a file is read at every connect, so that it can be rotated
 * without a restart. Precedence: --api-key or --api-key-file (not both), then api_key_file in the
 * config file, then WARP_API_KEY, then WARP_API_KEY_FILE.
 */
import type { HostEnvironment } from "./host-environment.ts";
import { readPlainFile } from "./operator-file.ts";
import { whyUnreadable } from "./unreadable.ts";

/** In the folder that the worker is started in, without a folder before it; keys are longer. */
const LONG_FOR_A_NAME = 24;

export interface KeySource {
  /** Names the place, never the key: `--api-key`, `WARP_API_KEY`, `file /path (--api-key-file)`. */
  readonly label: string;
  /** The key where it is among this process's arguments or in its environment; null: it is in a file. */
  readonly shown: string | null;
  /** Rejects with a KeyError when there is no usable key at the place (any more). */
  read(): Promise<string>;
}

/** Text for the operator, without the key. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

export interface KeyPlaces {
  readonly flag: string | null;
  readonly fileFlag: string | null;
  /** `api_key_file` of the config file. */
  readonly fileSetting: string | null;
  readonly env: HostEnvironment;
  /** The key when none of these is given (the service command, which needs none). */
  readonly fallback: string | null;
}

export type KeyChoice =
  | { readonly kind: "source"; readonly source: KeySource }
  | { readonly kind: "problem"; readonly text: string };

/** The first place that has one; it is not read yet. */
export function chooseKeySource(places: KeyPlaces): KeyChoice {
  const { flag, fileFlag, fileSetting, env, fallback } = places;
  if (flag !== null && fileFlag !== null) {
    return { kind: "problem", text: "Both --api-key and --api-key-file are given; give one of them" };
  }
  if (flag !== null) return { kind: "source", source: fixedKey("--api-key", flag) };
  if (fileFlag !== null) return { kind: "source", source: keyInFile("--api-key-file", fileFlag) };
  if (fileSetting !== null) return { kind: "source", source: keyInFile("api_key_file", fileSetting) };
  // An empty variable is how compose files and unit files write one that is not set.
  const variable = env["WARP_API_KEY"];
  if (variable) return { kind: "source", source: fixedKey("WARP_API_KEY", variable) };
  const fileVariable = env["WARP_API_KEY_FILE"];
  if (fileVariable) return { kind: "source", source: keyInFile("WARP_API_KEY_FILE", fileVariable) };
  if (fallback !== null) return { kind: "source", source: fixedKey("the service command", fallback) };
  return {
    kind: "problem",
    text: `No API key is given${variable === "" ? " (WARP_API_KEY is empty)" : ""}; set WARP_API_KEY, or give --api-key-file PATH, api_key_file in the config file, WARP_API_KEY_FILE or --api-key`,
  };
}

function fixedKey(label: string, key: string): KeySource {
  return { label, shown: key, read: async () => checkedKey(key, `The API key of ${label}`) };
}

function keyInFile(via: string, path: string): KeySource {
  return {
    label: `file ${path} (${via})`,
    shown: null,
    async read() {
      let text: string;
      try {
        // A few bytes, once per connect.
        text = readPlainFile(path).toString("utf8");
      } catch (cause) {
        throw new KeyError(unreadable(via, path, whyUnreadable(cause)), { cause });
      }
      return checkedKey(text, `The API key in the file "${path}" (${via})`);
    },
  };
}

/** The key itself in the place of a path is a slip that would put it into the log. */
function unreadable(via: string, path: string, why: string): string {
  return path.length < LONG_FOR_A_NAME || path.includes("/")
    ? `Cannot read the API key file "${path}" (${via}): ${why}`
    : `Cannot read the API key file of ${via}: ${why}; give the path of a file that holds the key, not the key`;
}

/** An editor's or `echo`'s newline at the end is no part of the key; anything else that a header cannot carry is a mistake. */
function checkedKey(text: string, what: string): string {
  const key = text.replace(/[\r\n]+$/, "");
  if (key === "") throw new KeyError(`${what} is empty`);
  // `docker run --env-file` and Kubernetes pass on the quotes of KEY="value", and the key is refused for them.
  if (/^(["']).*\1$/.test(key))
    throw new KeyError(`${what} stands in quotes, which are no part of it; leave them out`);
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new KeyError(`${what} has white space, control or non-ASCII characters in it; it must be one word`);
  }
  return key;
}
