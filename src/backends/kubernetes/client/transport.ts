/**
 * HTTP to the API server by the runtime's own fetch: client-node's does not honour the cluster's CA
 * nor a client certificate under Bun. Certificates are always checked, unless the kubeconfig says not to.
 */
import { expiring } from "../../../async/wait.ts";
import { publicUrl } from "../../../logging/public-url.ts";
import { codeOf, wordsOf } from "../../../logging/words-of.ts";
import { fetchCluster } from "../../../runtime/cluster-fetch.ts";
import type { Credentials, Grant } from "../access/credentials.ts";
import { beginningOf, type HttpAnswer, wholeAnswer } from "./answer.ts";
import { ClusterError, ClusterGone } from "./cluster-error.ts";
import { Turnstile } from "./turnstile.ts";

export interface HttpRequest {
  readonly method: string;
  /** With its query, from the root of the server. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** Longer than any single call of ours takes; a watch has none. */
const CALL_TIMEOUT_MS = 30_000;
/** At once. Each has a connection, and each of those costs memory here and there. */
const MOST_CALLS = 32;
/** The collection of a namespace. */
const EVENTS = /\/events\?/;
const LEASES = "/apis/coordination.k8s.io/";
const MOST_WORDS = 2_000;
/** As long as the runtime keeps a connection that nobody uses. */
const KEPT_OPEN_MS = 5 * 60_000;
/** An answer's `Date` is whole seconds, and was written a moment before it came: less than this is no difference. */
const CLOCKS_AGREE_MS = 2_000;

export class Transport {
  /** When (by performance.now) the server last was not there, or not well. */
  lastAwayAt = Number.NEGATIVE_INFINITY;
  /** When (by performance.now) a call last got no answer. */
  private silentAt = Number.NEGATIVE_INFINITY;
  private clockAheadMs = 0;
  private readonly credentials: Credentials;
  private readonly turnstile = new Turnstile(MOST_CALLS);
  /**
   * Events often have a store of their own. While that hung, tasks that asked for theirs had all the places:
   * no Job was created, and the worker's Lease ran out.
   */
  private readonly forEvents = new Turnstile(MOST_CALLS);
  /** A worker that creates many Jobs, each held up by a slow admission webhook, lives all the same. */
  private readonly forLeases = new Turnstile(MOST_CALLS);

  constructor(credentials: Credentials) {
    this.credentials = credentials;
  }

  /** For the operator: its address, without what in it may be a secret. */
  get server(): string {
    const { server } = this.credentials.access.cluster;
    const { username, password, search } = new URL(server);
    return `${username}${password}${search}` === "" ? server : publicUrl(server);
  }

  /**
   * Now, in ms since 1970, by the cluster's clock: the times that stand in its objects were taken from that, and
   * the worker's own may be wrong by minutes.
   */
  now(): number {
    return Date.now() + this.clockAheadMs;
  }

  /** Made now or waiting to be made; watches are none. */
  get callsUnderway(): number {
    return this.turnstile.size + this.forEvents.size + this.forLeases.size;
  }

  /** The whole answer. Throws ClusterError, ClusterGone, or the signal's reason. */
  call(request: HttpRequest): Promise<HttpAnswer> {
    return this.ask(request, wholeAnswer);
  }

  /** Of an answer that is a text, as a log is, the first `mostBytes`. Throws as `call`. */
  text(request: HttpRequest, mostBytes: number): Promise<string> {
    return this.ask(request, (response) => beginningOf(response, mostBytes));
  }

  private async ask<T>(request: HttpRequest, read: (response: Response) => Promise<T>): Promise<T> {
    using _ = await this.turnstileFor(request.path).enter(request.signal);
    using deadline = expiring(request.signal, CALL_TIMEOUT_MS);
    try {
      return await read(await this.open({ ...request, signal: deadline.signal }));
    } catch (error) {
      // Whoever sets a call a shorter time of his own says it in the same way.
      if (deadline.expired || request.signal.reason instanceof ClusterGone) this.silentAt = performance.now();
      request.signal.throwIfAborted();
      if (!deadline.expired || error instanceof ClusterGone) throw this.failure(error);
      throw this.gone(`no answer within ${CALL_TIMEOUT_MS / 1000} s`, error);
    }
  }

  /** An answer that is read as it comes, without a time limit. Throws as `call`. */
  async stream(request: HttpRequest): Promise<ReadableStream<Uint8Array>> {
    try {
      const { body } = await this.open(request);
      if (body === null) throw new ClusterGone("the answer had no body");
      return body;
    } catch (error) {
      request.signal.throwIfAborted();
      throw this.failure(error);
    }
  }

  /** A stream that is read was cut: no call may have noticed that the server was away, and what is back has yet to settle. */
  noteCut(): void {
    this.lastAwayAt = performance.now();
  }

  private turnstileFor(path: string): Turnstile {
    if (EVENTS.test(path)) return this.forEvents;
    return path.startsWith(LEASES) ? this.forLeases : this.turnstile;
  }

  /** Refused credentials that can be had anew are tried once more: a token may just have been rotated. */
  private async open(request: HttpRequest): Promise<Response> {
    const response = await this.send(request);
    if (response.status !== 401 || !this.credentials.invalidate()) return accepted(response);
    await response.body?.cancel();
    return accepted(await this.send(request));
  }

  private async send(request: HttpRequest): Promise<Response> {
    const grant = await this.credentials.grant(request.signal);
    const response = await this.fetch(request, grant);
    this.compareClocks(Date.parse(response.headers.get("date") ?? ""));
    return response;
  }

  private async fetch(request: HttpRequest, grant: Grant): Promise<Response> {
    return await fetchCluster(`${this.credentials.access.cluster.server}${request.path}`, {
      method: request.method,
      headers: headersOf(request, grant),
      signal: request.signal,
      tls: grant.tls,
      proxy: this.credentials.access.cluster.proxyUrl,
      newConnection: this.mistrustsConnections(),
      ...(request.body === undefined ? {} : { body: request.body }),
    }).catch(async (error: unknown) => {
      if (codeOf(error) !== "FailedToOpenSocket") throw error;
      // Loaded here: it costs memory, and is seldom needed.
      const problem = (await import("./pem-problem.ts")).pemProblem(grant.tls);
      throw problem === null ? error : new ClusterGone(problem, { cause: error });
    });
  }

  /**
   * What forgets one connection without a word, as a balancer, a firewall or a VPN, forgets all: each of those that a
   * burst of tasks had left open cost some call its whole time, and a worker its Lease.
   */
  private mistrustsConnections(): boolean {
    return performance.now() - this.silentAt < KEPT_OPEN_MS;
  }

  private compareClocks(theirs: number): void {
    if (Number.isNaN(theirs)) return;
    const aheadMs = theirs - Date.now();
    this.clockAheadMs = Math.abs(aheadMs) < CLOCKS_AGREE_MS ? 0 : aheadMs;
  }

  private failure(error: unknown): Error {
    if (error instanceof ClusterError && error.status >= 500) this.lastAwayAt = performance.now();
    if (error instanceof ClusterError || error instanceof ClusterGone) return error;
    return this.gone(describe(error), error);
  }

  private gone(why: string, cause: unknown): ClusterGone {
    this.lastAwayAt = performance.now();
    return new ClusterGone(`no answer from ${this.server}: ${why}`, { cause });
  }
}

function headersOf({ headers }: HttpRequest, grant: Grant): Headers {
  const all = new Headers(headers);
  for (const [name, value] of grant.headers) all.append(name, value);
  return all;
}

async function accepted(response: Response): Promise<Response> {
  if (response.ok) return response;
  const text = await response.text();
  const wait = Number(response.headers.get("retry-after") ?? "");
  throw new ClusterError({
    status: response.status,
    ...refusalOf(text),
    retryAfterMs: wait > 0 ? wait * 1000 : null,
  });
}

/** A Status object in most cases; a proxy or a dying server answers in prose. */
export function refusalOf(text: string): { reason: string; said: string } {
  try {
    const { reason, message } = JSON.parse(text) as { reason?: unknown; message?: unknown };
    return {
      reason: typeof reason === "string" ? reason : "",
      said: typeof message === "string" ? message.slice(0, MOST_WORDS) : "",
    };
  } catch {
    const isPage = /^\s*</.test(text);
    return { reason: "", said: isPage ? "" : text.trim().slice(0, MOST_WORDS) };
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  // Of both the runtime says the same.
  ECONNREFUSED: "the connection was refused, or no way leads there",
  ConnectionRefused: "the connection was refused, or no way leads there",
  ECONNRESET: "the connection was cut",
  ConnectionClosed: "the connection was cut",
  ENOTFOUND: "the host name is not known",
  ETIMEDOUT: "the connection timed out",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not signed by the certificate-authority of the kubeconfig",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not signed by the certificate-authority of the kubeconfig",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not signed by the certificate-authority of the kubeconfig",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate is not signed by the certificate-authority of the kubeconfig",
  CERT_HAS_EXPIRED: "its certificate has expired, or this host's clock is wrong",
  CERT_NOT_YET_VALID: "its certificate is not yet valid, or this host's clock is wrong",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name (see tls-server-name)",
};

function describe(error: unknown): string {
  return CAUSES[codeOf(error) ?? ""] ?? wordsOf(error);
}
