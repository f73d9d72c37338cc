/**
 * What Docker's config.json says of credentials. Lenient: one entry that cannot be read costs no other.
 * Source: github.com/docker/cli, cli/config/configfile/file.go and cli/config/types/authconfig.go.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { whyUnreadable } from "../../../config/unreadable.ts";
import { codeOf } from "../../../logging/words-of.ts";
import { isObject, type JsonObject } from "../../../protocol/fields.ts";

/** Of one registry; at least one of its fields is there. */
export interface Credential {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

export interface DockerConfig {
  /** What is wrong with the file, for the log; null: nothing. */
  readonly problem: string | null;
  /** By the key as it stands in the file; null: an entry that holds nothing. */
  readonly auths: ReadonlyMap<string, Credential | null>;
  /** Helper by registry; an empty name switches credsStore off for it. */
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore: string;
}

const EMPTY: DockerConfig = { problem: null, auths: new Map(), credHelpers: new Map(), credsStore: "" };

/** `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`; null where there is no home. */
export function configPathOf(environment: Readonly<Record<string, string>>): string | null {
  const told = environment["DOCKER_CONFIG"] ?? "";
  const home = environment["HOME"] ?? "";
  if (told !== "") return join(told, "config.json");
  return home === "" ? null : join(home, ".docker", "config.json");
}

/** Never rejects: without a file, pulls are anonymous. */
export async function readDockerConfig(path: string | null): Promise<DockerConfig> {
  if (path === null) return EMPTY;
  try {
    return parseDockerConfig(await readFile(path, "utf8"));
  } catch (error) {
    return codeOf(error) === "ENOENT" ? EMPTY : { ...EMPTY, problem: whyUnreadable(error) };
  }
}

/** Never throws: what is wrong with it is its `problem`, and all else of it counts. */
export function parseDockerConfig(text: string): DockerConfig {
  // An empty one (made by `touch`, or mounted as such) says nothing, which is no mistake to Docker's client either.
  if (text.trim() === "") return EMPTY;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Without the parser's words, which quote what they stumbled over.
    return { ...EMPTY, problem: "it is no JSON" };
  }
  if (!isObject(parsed)) return { ...EMPTY, problem: "it is no JSON object" };
  const broken: string[] = [];
  const auths = new Map<string, Credential | null>();
  for (const [key, entry] of entriesOf(parsed["auths"])) {
    const credential = credentialOf(entry);
    if (credential === "broken") broken.push(JSON.stringify(key));
    else auths.set(key, credential);
  }
  const problem = broken.length === 0 ? null : `its auths entry of ${broken.join(", ")} is no credential`;
  const helpers = entriesOf(parsed["credHelpers"]);
  return {
    problem,
    auths,
    credHelpers: new Map(helpers.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
    credsStore: textIn(parsed, "credsStore"),
  };
}

function credentialOf(entry: unknown): Credential | null | "broken" {
  if (!isObject(entry)) return "broken";
  const auth = textIn(entry, "auth");
  const pair = auth === "" ? null : decodePair(auth);
  if (auth !== "" && pair === null) return "broken";
  const found = {
    username: pair?.username ?? textIn(entry, "username"),
    password: pair?.password ?? textIn(entry, "password"),
    identitytoken: textIn(entry, "identitytoken"),
    registrytoken: textIn(entry, "registrytoken"),
  };
  const filled = Object.entries(found).filter(([, value]) => value !== "");
  return filled.length === 0 ? null : Object.fromEntries(filled);
}

/** Of the base64 of `user:password`; null for anything else. */
function decodePair(auth: string): { readonly username: string; readonly password: string } | null {
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(auth)) return null;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return null;
  // Written with a NUL at its end by clients of old.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

function entriesOf(value: unknown): readonly [string, unknown][] {
  return isObject(value) ? Object.entries(value) : [];
}

function textIn(mapping: JsonObject, name: string): string {
  const value = mapping[name];
  return typeof value === "string" ? value : "";
}
