/**
 * A Kubernetes API server for what a real one does not do on demand: forget versions, cut watches,
 * lose answers, refuse, be slow, be away and come back. TLS with client certificates, as real ones have.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import {
  type ApiEvent,
  type ApiObject,
  FakeApiStore,
  inSeconds,
  Refused,
  seenThrough,
} from "./fake-api-store.ts";
import type { TestPki } from "./test-pki.ts";
import { within } from "./wait.ts";

export interface ApiCall {
  readonly verb: string;
  readonly resource: string;
  readonly name: string;
  /** `status`, `log`; empty: the object itself. */
  readonly subresource: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: ApiObject;
}

/**
 * What happens instead of an answer: a status, a cut connection after (`lost`) or before the work is done,
 * an answer that is cut short and ends all the same (`half`), a page of somebody else's (`page`) or his JSON
 * (`other`), or nothing at all (`silence`).
 */
export type Fault =
  | {
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | "cut"
  | "lost"
  | "half"
  | "page"
  | "other"
  | "silence";

/** True for the first such call, and for none after it. */
export function firstOf(matches: (call: ApiCall) => boolean): (call: ApiCall) => boolean {
  let left = 1;
  return (call) => matches(call) && left-- > 0;
}

export interface FakeApiServerOptions {
  readonly pki: TestPki;
  /** Refuses callers without a certificate of the CA, or without this token. */
  readonly authorize?: (call: ApiCall) => boolean;
  /** What the role may not do, as `VERB RESOURCE`. */
  readonly forbidden?: readonly string[];
  /** Resources of which it knows nothing. */
  readonly unserved?: readonly string[];
  /** It makes what it is only to try. */
  readonly ignoresDryRun?: boolean;
}

interface Watch {
  readonly response: ServerResponse;
  readonly resource: string;
  readonly selector: string;
  /** Nothing up to here is told, not even when it is yet to come, as real servers do it. */
  readonly since: number;
}

const RESOURCE =
  /^\/(?:api|apis\/[^/]+)\/v1\/(?:namespaces\/([^/]+)\/)?([a-z]+)(?:\/([^/]+))?(?:\/([a-z]+))?$/;

export class FakeApiServer implements AsyncDisposable {
  readonly store = new FakeApiStore();
  readonly calls: ApiCall[] = [];
  /** Which of these calls came with a client certificate of the authority. */
  readonly certified: boolean[] = [];
  /** Text that `pods/log` answers. */
  logs = "some output\n";
  /** Asked for each call before it is served; null: it is served. */
  fault: (call: ApiCall) => Fault | null = () => null;
  /** How far the cluster's clocks are ahead of the worker's. */
  clockAheadMs = 0;
  port = 0;
  /** False: of a list or a watch it tells all, whatever was asked for. */
  heedsSelectors = true;
  readonly #options: FakeApiServerOptions;
  readonly #watches = new Set<Watch>();
  readonly #sockets = new Set<Socket>();
  /** The callers' ports of connections over which nothing is heard any more. */
  readonly #forgotten = new Set<number | undefined>();
  readonly #waiting = new Set<() => void>();
  #server: Server | null = null;

  private constructor(options: FakeApiServerOptions) {
    this.#options = options;
    this.store.watch((event) => this.#publish(event));
  }

  static async start(options: FakeApiServerOptions): Promise<FakeApiServer> {
    const server = new FakeApiServer(options);
    await server.listen();
    return server;
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  /** Connections of now are no good for anybody. */
  get hasForgotten(): boolean {
    return this.#forgotten.size > 0;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** As objects of the cluster have their times. */
  now(): string {
    return inSeconds(new Date(Date.now() + this.clockAheadMs));
  }

  /** Again on its old port, with all its objects, as a restarted one. */
  async listen(): Promise<void> {
    const { ca, cert, key } = this.#options.pki.pair("api-server");
    const tls = { ca, cert, key, requestCert: true, rejectUnauthorized: false };
    const server = createServer(tls, (request, response) => void this.#serve(request, response));
    // As real ones have it.
    server.keepAliveTimeout = 90_000;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Gone without a word, its connections cut. */
  async away(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#watches.clear();
    await closed;
  }

  /** As the server does it every few minutes: what was written comes through. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
    this.#watches.clear();
  }

  cutWatches(): void {
    for (const { response } of this.#watches) response.socket?.destroy();
    this.#watches.clear();
  }

  /** From here on they stay open, and nothing comes through them. */
  silenceWatches(): void {
    this.#watches.clear();
  }

  /** As when a balancer or a firewall has forgotten them: no connection of now ever brings anything again. */
  forgetConnections(): void {
    for (const { remotePort } of this.#sockets) this.#forgotten.add(remotePort);
    this.#watches.clear();
  }

  sendToWatches(resource: string, event: unknown): void {
    for (const watch of this.#watches) {
      if (watch.resource === resource) watch.response.write(`${JSON.stringify(event)}\n`);
    }
  }

  sendRaw(text: string): void {
    for (const { response } of this.#watches) response.write(text);
  }

  callsOf(verb: string, resource: string): readonly ApiCall[] {
    return this.calls.filter((call) => call.verb === verb && call.resource === resource);
  }

  /** Resolves when `probe` holds after a call or a change; what it returns is handed on. */
  until<T>(probe: () => T | undefined | null | false, what: string, timeoutMs?: number): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = () => {
      const found = probe();
      if (found === undefined || found === null || found === false) return;
      this.#waiting.delete(look);
      resolve(found);
    };
    this.#waiting.add(look);
    look();
    return within(promise, what, timeoutMs).finally(() => this.#waiting.delete(look));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.away();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#forgotten.has(request.socket.remotePort)) return;
    response.setHeader("date", new Date(this.now()).toUTCString());
    const call = await readCall(request);
    if (call === null) return answer(response, 404, status(404, "NotFound", `no ${request.url}`));
    this.calls.push(call);
    this.certified.push("authorized" in request.socket && request.socket.authorized === true);
    try {
      const fault = this.fault(call);
      if (fault === "silence") return;
      if (fault === "cut") return void request.socket.destroy();
      if (fault === "page") {
        response.writeHead(200, { "content-type": "text/html" });
        return void response.end("<html>Please log in</html>");
      }
      if (fault === "other") return answer(response, 200, { error: "upstream is not ready" });
      if (fault === "lost" || fault === "half") {
        const [code, body] = this.#work(call);
        if (fault === "lost") return void request.socket.destroy();
        const text = JSON.stringify(body);
        response.writeHead(code, { "content-type": "application/json" });
        return void response.end(text.slice(0, text.length / 2));
      }
      if (fault !== null) {
        const { status: code, reason = "Test", message = "asked for by the test", headers = {} } = fault;
        return answer(response, code, status(code, reason, message), headers);
      }
      if (call.verb === "watch") return this.#watch(call, response);
      if (call.subresource === "log") {
        response.writeHead(200, { "content-type": "text/plain" });
        return void response.end(this.logs);
      }
      const [code, body] = this.#work(call);
      answer(response, code, body);
    } finally {
      this.#changed();
    }
  }

  #work(call: ApiCall): readonly [number, ApiObject] {
    const { verb, resource, name, query, body } = call;
    const { authorize, forbidden = [], unserved = [], ignoresDryRun = false } = this.#options;
    if (authorize?.(call) === false) return [401, status(401, "Unauthorized", "Unauthorized")];
    if (unserved.includes(resource))
      return [404, status(404, "NotFound", "the server could not find the requested resource")];
    if (resource === "version") return [200, { major: "1", minor: "35", gitVersion: "v1.35.0" }];
    if (resource === "selfsubjectaccessreviews") {
      const { verb: asked, resource: of } = body.spec.resourceAttributes;
      return [201, { ...body, status: { allowed: !forbidden.includes(`${asked} ${of}`) } }];
    }
    if (forbidden.includes(`${verb} ${resource}`)) {
      return [403, status(403, "Forbidden", `${resource} is forbidden: User "test" cannot ${verb} it`)];
    }
    try {
      switch (verb) {
        case "create":
          return [
            201,
            query.get("dryRun") && !ignoresDryRun
              ? this.store.try(resource, body)
              : this.store.create(resource, body),
          ];
        case "patch":
          return found(this.store.patch(resource, name, body), resource, name);
        case "delete":
          return this.#delete(call);
        case "get":
          return found(this.store.get(resource, name), resource, name);
        default:
          return [200, this.#list(call)];
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return [error.status, status(error.status, error.reason, error.message)];
    }
  }

  #list({ resource, query }: ApiCall): ApiObject {
    // The kind of a list's items is not said again with each.
    const items = this.store
      .list(resource, (this.heedsSelectors && query.get("labelSelector")) || "")
      .map(({ kind: _, apiVersion: __, ...item }) => item);
    return { kind: "List", metadata: { resourceVersion: String(this.store.version) }, items };
  }

  /** In the foreground it stays until its pods are gone, which is when the test deletes them. */
  #delete({ resource, name, body }: ApiCall): readonly [number, ApiObject] {
    const object = this.store.get(resource, name);
    const uid = body?.preconditions?.uid;
    if (object !== null && uid !== undefined && uid !== object.metadata.uid) {
      return [409, status(409, "Conflict", "the UID in the precondition does not match")];
    }
    if (resource === "jobs" && object !== null) return [200, this.#deleteJob(object, body)];
    return found(this.store.delete(resource, name), resource, name);
  }

  #deleteJob(job: ApiObject, body: ApiObject): ApiObject {
    const { name, uid } = job.metadata;
    const pods = this.store.list("pods").filter((pod) => pod.metadata.ownerReferences?.[0]?.uid === uid);
    const deletionTimestamp = inSeconds(new Date());
    for (const pod of pods) this.store.patch("pods", pod.metadata.name, { metadata: { deletionTimestamp } });
    if (body?.propagationPolicy === "Foreground" && pods.length > 0) {
      return this.store.patch("jobs", name, { metadata: { deletionTimestamp } });
    }
    return this.store.delete("jobs", name);
  }

  #watch({ resource, query }: ApiCall, response: ServerResponse): void {
    const since = Number(query.get("resourceVersion"));
    const selector = (this.heedsSelectors && query.get("labelSelector")) || "";
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (since < this.store.compactedAt) {
      const expired = status(410, "Expired", `too old resource version: ${since}`);
      response.end(`${JSON.stringify({ type: "ERROR", object: expired })}\n`);
      return;
    }
    const watch = { response, resource, selector, since };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
    for (const event of this.store.events) tell(watch, event);
  }

  #publish(event: ApiEvent): void {
    for (const watch of this.#watches) tell(watch, event);
    this.#changed();
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function tell({ response, resource, selector, since }: Watch, event: ApiEvent): void {
  const seen = event.resource === resource && event.version > since ? seenThrough(event, selector) : null;
  if (seen !== null) response.write(`${JSON.stringify(seen)}\n`);
}

async function readCall(request: IncomingMessage): Promise<ApiCall | null> {
  const url = new URL(request.url ?? "/", "https://fake");
  let text = "";
  for await (const piece of request) text += piece;
  const body = text === "" ? null : JSON.parse(text);
  const { headers, method = "GET" } = request;
  const plain = { name: "", subresource: "", query: url.searchParams, headers, body };
  if (url.pathname.startsWith("/version")) return { verb: "get", resource: "version", ...plain };
  const match = RESOURCE.exec(url.pathname);
  if (match === null) return null;
  const [, , resource = "", name = "", subresource = ""] = match;
  return { ...plain, verb: verbOf(method, name, url.searchParams), resource, name, subresource };
}

function verbOf(method: string, name: string, query: URLSearchParams): string {
  if (method === "POST") return "create";
  if (method !== "GET") return method.toLowerCase();
  if (name !== "") return "get";
  return query.get("watch") ? "watch" : "list";
}

function found(object: ApiObject | null, resource: string, name: string): readonly [number, ApiObject] {
  return object === null ? [404, status(404, "NotFound", `${resource} "${name}" not found`)] : [200, object];
}

function status(code: number, reason: string, message: string): ApiObject {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}

function answer(
  response: ServerResponse,
  code: number,
  body: ApiObject,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
