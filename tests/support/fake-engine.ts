/**
 * A container engine that does what the test says: answers, refuses, stays silent, cuts a stream in the
 * middle, goes away and comes back. It knows `_ping` and `version` by itself.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { compareVersions } from "../../src/backends/docker/engine/version.ts";
import { TempDir } from "./temp-dir.ts";

export interface FakeRequest {
  readonly method: string;
  /** Without the version in front and the query behind, decoded. */
  readonly path: string;
  /** /v1.47, or nothing. */
  readonly version: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** May go on writing after it has returned. One that ends nothing leaves the caller waiting. */
export type FakeAnswer = (response: ServerResponse, request: FakeRequest) => unknown;

export interface FakeEngineOptions {
  /** The default one: a unix socket in a folder of its own. `tcp`: a free port of the loopback. */
  readonly listen?: "unix" | "tcp";
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly api?: string;
  readonly oldestApi?: string;
}

interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly answer: FakeAnswer;
}

export class FakeEngine implements AsyncDisposable {
  /** In the order in which they were read to their end. */
  readonly requests: FakeRequest[] = [];
  readonly #options: FakeEngineOptions;
  readonly #dir: TempDir;
  readonly #routes: Route[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<() => void>();
  #api: string;
  #oldestApi: string;
  #server: Server;
  #port = 0;
  #connections = 0;

  private constructor(options: FakeEngineOptions, dir: TempDir) {
    this.#options = options;
    this.#dir = dir;
    this.#server = this.#makeServer();
    this.#api = options.api ?? "1.47";
    this.#oldestApi = options.oldestApi ?? "1.24";
    this.on("GET", "/_ping", (response) => {
      response
        .writeHead(200, { "Api-Version": this.#api, Ostype: "linux", Server: "Docker/27.0 (linux)" })
        .end("OK");
    });
    this.on("GET", "/version", (response) => {
      const about = {
        Version: "27.0.1",
        ApiVersion: this.#api,
        MinAPIVersion: this.#oldestApi,
        Os: "linux",
        Arch: "arm64",
      };
      json(response, about);
    });
  }

  static async start(options: FakeEngineOptions = {}): Promise<FakeEngine> {
    const engine = new FakeEngine(options, await TempDir.create("engine"));
    await engine.#listen();
    return engine;
  }

  /** From now on it says at each ping that it is a podman. */
  speakAsPodman(version: string, api = "1.41"): void {
    const head = { "Api-Version": api, "Libpod-API-Version": version };
    this.on("GET", "/_ping", (response) => response.writeHead(200, head).end("OK"));
  }

  get socket(): string {
    return this.#dir.join("engine.sock");
  }

  get port(): number {
    return this.#port;
  }

  /** As DOCKER_HOST wants it. */
  get host(): string {
    return this.#options.listen === "tcp" ? `tcp://127.0.0.1:${this.#port}` : `unix://${this.socket}`;
  }

  /** Those that are open now. */
  get openConnections(): number {
    return this.#sockets.size;
  }

  /** Since the start. */
  get connections(): number {
    return this.#connections;
  }

  /** The last one that fits holds. A text has to be the whole path, without the version. */
  on(method: string, path: string | RegExp, answer: FakeAnswer): this {
    const pattern = typeof path === "string" ? new RegExp(`^${RegExp.escape(path)}$`) : path;
    this.#routes.unshift({ method, path: pattern, answer });
    return this;
  }

  /** The first request from now on, or before, that fits. */
  async seen(method: string, path: string | RegExp): Promise<FakeRequest> {
    const fits = (request: FakeRequest) =>
      request.method === method &&
      (typeof path === "string" ? request.path === path : path.test(request.path));
    for (;;) {
      const found = this.requests.find(fits);
      if (found !== undefined) return found;
      await this.#next();
    }
  }

  /** Resolves when no connection is open any more. */
  async idle(): Promise<void> {
    while (this.#sockets.size > 0) await this.#next();
  }

  /** From now on, as an engine that was upgraded or rolled back; calls in other versions are refused. */
  speak(api: string, oldestApi: string): void {
    this.#api = api;
    this.#oldestApi = oldestApi;
  }

  /** Cuts everything, as an engine that is killed; the socket's file goes with `unlink`. */
  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** After `stop`, at the same place. */
  async startAgain(): Promise<void> {
    this.#server = this.#makeServer();
    await this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
    await this.#dir[Symbol.asyncDispose]();
  }

  async #listen(): Promise<void> {
    if (this.#options.listen === "tcp") this.#server.listen(this.#port, "127.0.0.1");
    else this.#server.listen(this.socket);
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
  }

  #makeServer(): Server {
    const answer = (request: IncomingMessage, response: ServerResponse) =>
      void this.#answer(request, response);
    const { tls } = this.#options;
    const server =
      tls === undefined
        ? createServer(answer)
        : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: true }, answer);
    server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => this.#keep(socket));
    return server;
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that hangs up in the middle is what some tests are about.
    response.on("error", () => {});
    const request = await readRequest(incoming).catch(() => null);
    if (request === null) return;
    this.requests.push(request);
    this.#wake();
    const refusal = this.#refusalOf(request.version.slice("/v".length));
    if (refusal !== null) return json(response, { message: refusal }, 400);
    const route = this.#routes.find(
      ({ method, path }) => method === request.method && path.test(request.path),
    );
    if (route === undefined) json(response, { message: `page not found: ${request.path}` }, 404);
    else await route.answer(response, request);
  }

  #refusalOf(version: string): string | null {
    if (version === "") return null;
    if (compareVersions(version, this.#oldestApi) < 0) return `client version ${version} is too old`;
    return compareVersions(version, this.#api) > 0 ? `client version ${version} is too new` : null;
  }

  #keep(socket: Socket): void {
    this.#connections += 1;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#wake();
    });
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        resolve();
      };
      this.#watchers.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#watchers]) wake();
  }
}

async function readRequest(incoming: IncomingMessage): Promise<FakeRequest> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const url = new URL(incoming.url ?? "/", "http://engine");
  const [, version = "", path = "/"] = /^(\/v\d+\.\d+)?(\/.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
  return {
    method: incoming.method ?? "",
    path,
    version,
    query: url.searchParams,
    headers: incoming.headers,
    body: Buffer.concat(parts),
  };
}

export function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

/** A container as `inspect` shows it, with no more than every engine says. */
export function inspected(response: ServerResponse, state: object = {}, more: object = {}): void {
  json(response, { Id: "c", State: { Status: "exited", ExitCode: 0, ...state }, ...more });
}

/** As the engine refuses. */
export function refuse(status: number, message: string): FakeAnswer {
  return (response) => json(response, { message }, status);
}

/** One frame of a multiplexed log. */
export function logFrame(stream: 0 | 1 | 2 | 3, text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Hangs up without ending the answer, once what was written before is on its way. */
export function cut(response: ServerResponse): void {
  response.write("", () => response.socket?.destroy());
}
