/** Which cluster, and as whom: the setting, else the pod's own service account, else kubectl's places. */
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { codeOf, wordsOf } from "../../../logging/words-of.ts";
import { BackendUnusable } from "../../../task/backend.ts";
import type { Access } from "./credentials.ts";
import { type Kubeconfig, mergeKubeconfigs, parseKubeconfig, type UserEntry } from "./kubeconfig.ts";

export interface FindAccessOptions {
  /** `backend.kubernetes.kubeconfig`; null: not set. */
  readonly kubeconfig: string | null;
  readonly environment: Readonly<Record<string, string>>;
  /** Where a pod finds its service account. */
  readonly serviceAccountDir?: string;
}

const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";
const SETTING = "backend.kubernetes.kubeconfig";

/** Throws BackendUnusable with every place that was looked at. */
export function findAccess(options: FindAccessOptions): Access {
  const { kubeconfig, environment } = options;
  if (kubeconfig !== null) return fromFiles([kubeconfig], SETTING);
  const inCluster = fromServiceAccount(environment, options.serviceAccountDir ?? SERVICE_ACCOUNT_DIR);
  if (inCluster !== null) return inCluster;
  const listed = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) return fromFiles(listed, "KUBECONFIG");
  const home = environment["HOME"] ?? "";
  const usual = join(home, ".kube", "config");
  if (home !== "" && existsSync(usual)) return fromFiles([usual], "kubectl's usual place");
  throw new BackendUnusable(
    `Cannot use the kubernetes backend: the worker runs in no cluster (KUBERNETES_SERVICE_HOST is not set, or there is no service account token), KUBECONFIG is not set, and there is no ${home === "" ? "~/.kube/config" : usual}; set ${SETTING} or KUBECONFIG`,
  );
}

function fromServiceAccount(environment: Readonly<Record<string, string>>, dir: string): Access | null {
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "";
  const tokenFile = join(dir, "token");
  if (host === "" || port === "" || !existsSync(tokenFile)) return null;
  return {
    origin: "the pod's service account",
    cluster: {
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      ca: { path: join(dir, "ca.crt") },
      skipVerify: false,
      tlsServerName: null,
      proxyUrl: null,
    },
    user: { ...NOBODY, tokenFile },
  };
}

const NOBODY: UserEntry = {
  token: null,
  tokenFile: null,
  cert: null,
  key: null,
  basic: null,
  impersonation: [],
  exec: null,
  authProvider: null,
};

function fromFiles(paths: readonly string[], source: string): Access {
  const label = `${paths.map((path) => `"${path}"`).join(", ")} (${source})`;
  const configs = paths.map((path) => read(path, paths.length > 1, label)).filter((found) => found !== null);
  if (configs.length === 0) throw unusable(label, "they are not there, or empty; correct the paths");
  const merged = mergeKubeconfigs(configs);
  const name = merged.currentContext;
  if (name === "") throw unusable(label, `it has no current-context; run "kubectl config use-context NAME"`);
  const context = merged.contexts.get(name);
  if (context === undefined) throw unusable(label, missing("context", name, merged.contexts));
  const cluster = merged.clusters.get(context.cluster);
  if (cluster === undefined) throw unusable(label, missing("cluster", context.cluster, merged.clusters));
  if (!URL.canParse(cluster.server)) {
    const what = `its cluster "${context.cluster}" has no server with an address like https://HOST:PORT`;
    throw unusable(label, what);
  }
  const user = context.user === "" ? NOBODY : merged.users.get(context.user);
  if (user === undefined) throw unusable(label, missing("user", context.user, merged.users));
  if (user.authProvider !== null) {
    const what = `its user "${context.user}" has the auth-provider "${user.authProvider}", which is obsolete`;
    throw unusable(label, `${what}; use an exec plugin or a token`);
  }
  const severalOf = unsendableIn(user);
  if (severalOf !== null) {
    const what = `its user "${context.user}" has several ${severalOf}, of which only one can be sent`;
    throw unusable(label, `${what}; leave the others out, or give the worker a user of its own`);
  }
  return { origin: `kubeconfig ${label}, context "${name}"`, cluster, user };
}

/**
 * What stands in headers of one name, in the kubeconfig's words; null: nothing. The runtime's fetch makes one header of
 * them, and the API server one group of that, which has no rights: they were missed as if the role did not grant them.
 */
function unsendableIn({ impersonation }: UserEntry): string | null {
  const names = impersonation.map(([name]) => name);
  const repeated = names.find((name, at) => names.indexOf(name) !== at);
  if (repeated === undefined) return null;
  return repeated === "Impersonate-Group" ? "as-groups" : "values of one key in as-user-extra";
}

/** Of a list, files that are not there, or hold nothing yet, are passed over, as kubectl does. */
function read(path: string, oneOfMany: boolean, label: string): Kubeconfig | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (oneOfMany && codeOf(error) === "ENOENT") return null;
    throw unusable(label, `${wordsOf(error)}; correct the path, or make it readable for this user`);
  }
  if (oneOfMany && text.trim() === "") return null;
  try {
    return parseKubeconfig(text, path);
  } catch (error) {
    throw unusable(label, `${oneOfMany ? `${path}: ` : ""}${wordsOf(error)}`);
  }
}

function missing(kind: string, name: string, known: ReadonlyMap<string, unknown>): string {
  return `it has no ${kind} "${name}"; it has ${[...known.keys()].join(", ") || "none"}`;
}

function unusable(label: string, why: string): BackendUnusable {
  return new BackendUnusable(`Cannot use the kubeconfig ${label}: ${why}`);
}
