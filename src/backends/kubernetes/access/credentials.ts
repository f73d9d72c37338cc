/**
 * What goes with each request: trust, certificate, headers. Files are read again, because tokens and
 * certificates on disk are renewed under a running worker.
 */
import { readFileSync } from "node:fs";
import { wordsOf } from "../../../logging/words-of.ts";
import type { ClusterTls } from "../../../runtime/cluster-fetch.ts";
import { ClusterGone } from "../client/cluster-error.ts";
import { ExecPlugin } from "./exec-plugin.ts";
import type { ClusterEntry, PemSource, UserEntry } from "./kubeconfig.ts";

export interface Grant {
  readonly headers: readonly (readonly [string, string])[];
  readonly tls: ClusterTls;
}

/** How a cluster is reached, wherever that was written. */
export interface Access {
  /** For the operator: `kubeconfig "/path" (context "x")`. */
  readonly origin: string;
  readonly cluster: ClusterEntry;
  readonly user: UserEntry;
}

/** As client-go: a file is looked at again after a minute. */
const FILE_AGE_MS = 60_000;

export class Credentials implements Disposable {
  readonly access: Access;
  private readonly plugin: ExecPlugin | null;
  private readonly files = new Map<string, { readonly text: string; readonly readAt: number }>();

  constructor(access: Access, environment: Readonly<Record<string, string>>) {
    this.access = access;
    const { exec } = access.user;
    const cluster = clusterInfo(access.cluster, (source) => this.read(source));
    this.plugin = exec === null ? null : new ExecPlugin({ exec, cluster, environment });
  }

  /** Throws ClusterGone when there are none to be had, or not before the signal fires. */
  async grant(signal: AbortSignal): Promise<Grant> {
    const { cluster, user } = this.access;
    const given = await this.plugin?.credentials(signal);
    const headers: (readonly [string, string])[] = [...user.impersonation];
    const token = user.tokenFile === null ? user.token : this.readFile(user.tokenFile).trim();
    if (token !== null) headers.push(["Authorization", `Bearer ${token}`]);
    else if (given?.token) headers.push(["Authorization", `Bearer ${given.token}`]);
    else if (user.basic !== null) headers.push(["Authorization", basic(user.basic)]);
    const ca = cluster.ca === null ? null : this.read(cluster.ca);
    const cert = user.cert === null ? given?.cert : this.read(user.cert);
    const key = user.key === null ? given?.key : this.read(user.key);
    const tls: ClusterTls = {
      ...(ca === null ? {} : { ca }),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      ...(cluster.tlsServerName === null ? {} : { serverName: cluster.tlsServerName }),
      // The operator's own word in the kubeconfig, never ours.
      ...(cluster.skipVerify ? { rejectUnauthorized: false } : {}),
    };
    return { headers, tls };
  }

  /** The server refused them: whatever can be had anew is, next time. False: there is nothing to renew. */
  invalidate(): boolean {
    this.plugin?.invalidate();
    this.files.clear();
    return this.plugin !== null || this.access.user.tokenFile !== null;
  }

  [Symbol.dispose](): void {
    this.plugin?.[Symbol.dispose]();
  }

  private read(source: PemSource): string {
    return "pem" in source ? source.pem : this.readFile(source.path);
  }

  private readFile(path: string): string {
    const known = this.files.get(path);
    if (known !== undefined && performance.now() - known.readAt < FILE_AGE_MS) return known.text;
    try {
      const text = readFileSync(path, "utf8");
      this.files.set(path, { text, readAt: performance.now() });
      return text;
    } catch (error) {
      // Replaced this very moment: what was in it a minute ago may still do.
      if (known !== undefined) return known.text;
      throw new ClusterGone(`cannot read ${path}, which ${this.access.origin} names: ${wordsOf(error)}`);
    }
  }
}

/** What an exec plugin with provideClusterInfo is told; read when it is needed. */
function clusterInfo(entry: ClusterEntry, read: (source: PemSource) => string) {
  return () => ({
    server: entry.server,
    ...(entry.tlsServerName === null ? {} : { "tls-server-name": entry.tlsServerName }),
    ...(entry.skipVerify ? { "insecure-skip-tls-verify": true } : {}),
    ...(entry.proxyUrl === null ? {} : { "proxy-url": entry.proxyUrl }),
    ...(entry.ca === null
      ? {}
      : { "certificate-authority-data": Buffer.from(read(entry.ca)).toString("base64") }),
  });
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
