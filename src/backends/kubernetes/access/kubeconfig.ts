/**
 * A kubeconfig's clusters, users and contexts, in our own names. Read by ourselves, because
 * client-node's reader does not know `tokenFile`, groups to impersonate, nor an exec plugin's whole
 * contract. Source: k8s.io/client-go/tools/clientcmd/api/v1/types.go.
 */
import { dirname, resolve } from "node:path";
import { wordsOf } from "../../../logging/words-of.ts";
import { isObject, type JsonObject } from "../../../protocol/fields.ts";
import { parseYamlNatively } from "../../../runtime/yaml.ts";

export interface ClusterEntry {
  /** As it stands there, but for slashes at its end: that of a cluster that nobody uses may be none. */
  readonly server: string;
  /** PEM or a path to it; null: the system's trust. */
  readonly ca: PemSource | null;
  readonly skipVerify: boolean;
  readonly tlsServerName: string | null;
  readonly proxyUrl: string | null;
}

/** Data wins over a file, as in kubectl. */
export type PemSource = { readonly pem: string } | { readonly path: string };

export interface UserEntry {
  readonly token: string | null;
  readonly tokenFile: string | null;
  readonly cert: PemSource | null;
  readonly key: PemSource | null;
  readonly basic: { readonly username: string; readonly password: string } | null;
  /** `Impersonate-…` headers. */
  readonly impersonation: readonly (readonly [string, string])[];
  readonly exec: ExecEntry | null;
  /** The name of one of the old built-in providers, which we do not have. */
  readonly authProvider: string | null;
}

export interface ExecEntry {
  /** A path is absolute; a bare name is looked up on PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  readonly provideClusterInfo: boolean;
  readonly installHint: string;
}

export interface Context {
  readonly cluster: string;
  readonly user: string;
}

export interface Kubeconfig {
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, Context>;
  readonly currentContext: string;
}

/** Throws with words that complete `Cannot use the kubeconfig "…": `. Relative paths are below its folder. */
export function parseKubeconfig(text: string, path: string): Kubeconfig {
  let parsed: unknown;
  try {
    parsed = parseYamlNatively(text);
  } catch (error) {
    throw new Error(`it is not YAML: ${wordsOf(error)}`);
  }
  if (!isObject(parsed)) throw new Error("it is empty, or no mapping");
  const dir = dirname(path);
  return {
    clusters: named(parsed["clusters"], "cluster", (entry) => readCluster(entry, dir)),
    users: named(parsed["users"], "user", (entry) => readUser(entry, dir)),
    contexts: named(parsed["contexts"], "context", (entry) => ({
      cluster: textOf(entry["cluster"]) ?? "",
      user: textOf(entry["user"]) ?? "",
    })),
    currentContext: textOf(parsed["current-context"]) ?? "",
  };
}

/** As kubectl merges them: of two with one name, and of two current contexts, the first counts. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const lastFirst = [...configs].reverse();
  return {
    clusters: new Map(lastFirst.flatMap(({ clusters }) => [...clusters])),
    users: new Map(lastFirst.flatMap(({ users }) => [...users])),
    contexts: new Map(lastFirst.flatMap(({ contexts }) => [...contexts])),
    currentContext: configs.find(({ currentContext }) => currentContext !== "")?.currentContext ?? "",
  };
}

function named<T>(list: unknown, kind: string, read: (entry: JsonObject) => T): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const item of Array.isArray(list) ? list : []) {
    const name = isObject(item) ? textOf(item["name"]) : null;
    if (name === null || !isObject(item)) throw new Error(`an entry of ${kind}s has no name`);
    const entry = item[kind];
    if (!found.has(name)) found.set(name, read(isObject(entry) ? entry : {}));
  }
  return found;
}

function readCluster(entry: JsonObject, dir: string): ClusterEntry {
  return {
    server: (textOf(entry["server"]) ?? "").replace(/\/+$/, ""),
    ca: pemOf(entry, "certificate-authority", dir),
    skipVerify: entry["insecure-skip-tls-verify"] === true,
    tlsServerName: textOf(entry["tls-server-name"]),
    proxyUrl: textOf(entry["proxy-url"]),
  };
}

function readUser(entry: JsonObject, dir: string): UserEntry {
  const tokenFile = textOf(entry["tokenFile"]) ?? textOf(entry["token-file"]);
  const username = textOf(entry["username"]);
  const provider = entry["auth-provider"];
  return {
    token: textOf(entry["token"]),
    tokenFile: tokenFile === null ? null : resolve(dir, tokenFile),
    cert: pemOf(entry, "client-certificate", dir),
    key: pemOf(entry, "client-key", dir),
    basic: username === null ? null : { username, password: textOf(entry["password"]) ?? "" },
    impersonation: impersonationOf(entry),
    exec: isObject(entry["exec"]) ? readExec(entry["exec"], dir) : null,
    authProvider: isObject(provider) ? (textOf(provider["name"]) ?? "without a name") : null,
  };
}

function readExec(entry: JsonObject, dir: string): ExecEntry {
  const command = textOf(entry["command"]) ?? "";
  const env = Array.isArray(entry["env"]) ? entry["env"].filter(isObject) : [];
  return {
    command: command.includes("/") ? resolve(dir, command) : command,
    args: Array.isArray(entry["args"]) ? entry["args"].map(String) : [],
    env: Object.fromEntries(env.map((item) => [textOf(item["name"]) ?? "", String(item["value"] ?? "")])),
    apiVersion: textOf(entry["apiVersion"]) ?? "client.authentication.k8s.io/v1",
    provideClusterInfo: entry["provideClusterInfo"] === true,
    installHint: textOf(entry["installHint"]) ?? "",
  };
}

function impersonationOf(entry: JsonObject): readonly (readonly [string, string])[] {
  const headers: [string, string][] = [];
  const user = textOf(entry["as"]);
  if (user !== null) headers.push(["Impersonate-User", user]);
  const uid = textOf(entry["as-uid"]);
  if (uid !== null) headers.push(["Impersonate-Uid", uid]);
  for (const group of Array.isArray(entry["as-groups"]) ? entry["as-groups"] : []) {
    headers.push(["Impersonate-Group", String(group)]);
  }
  const extra = entry["as-user-extra"];
  for (const [key, values] of isObject(extra) ? Object.entries(extra) : []) {
    for (const value of Array.isArray(values) ? values : []) {
      headers.push([`Impersonate-Extra-${encodeURIComponent(key)}`, String(value)]);
    }
  }
  return headers;
}

function pemOf(entry: JsonObject, name: string, dir: string): PemSource | null {
  const data = textOf(entry[`${name}-data`]);
  if (data !== null) return { pem: Buffer.from(data, "base64").toString("utf8") };
  const path = textOf(entry[name]);
  return path === null ? null : { path: resolve(dir, path) };
}

/** Empty counts as absent: kubectl writes `token: ""`. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
