/** An engine that knows of images only, and does what real ones will not do on demand. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { never } from "../../src/async/wait.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { TempDir } from "../support/temp-dir.ts";

export interface PullSeen {
  readonly fromImage: string;
  readonly tag: string;
  /** Empty: not said. */
  readonly platform: string;
  /** What X-Registry-Auth holds, decoded; null: no such header. */
  readonly auth: unknown;
  readonly header: string | null;
  /** Resolves when the connection is gone before the answer was whole. */
  readonly abandoned: Promise<void>;
  /** Ends a pull that is held. */
  release(): void;
}

export type Answer =
  | "pulled"
  /** Begins, and goes on only when it is released. */
  | "held"
  /** The connection is cut before there is an answer, or in the middle of it. */
  | "cut"
  | "cut in the middle"
  | { readonly status: number; readonly words: string }
  /** All goes well, and somebody takes it away before anybody looks. */
  | "pruned"
  /** The answer is 200, and the failure is in the stream; `bare`: in the form that older engines have. */
  | { readonly inStream: string; readonly bare?: boolean };

export interface PublishedImage {
  readonly architecture: string;
  readonly digest: string;
}

const AMD64: PublishedImage = { architecture: "amd64", digest: `sha256:${"d".repeat(64)}` };

export class PullEngine implements AsyncDisposable {
  /** Answers to the next pulls; after them all is well. */
  readonly answers: Answer[] = [];
  readonly pulls: PullSeen[] = [];
  /** What the registry has, by NAME:TAG; all else is for amd64. */
  readonly published = new Map<string, PublishedImage>();
  /** What the engine has, by NAME:TAG or NAME@DIGEST. */
  readonly present = new Map<string, PublishedImage & { readonly name: string }>();
  readonly socket: string;
  readonly #server: Server;
  readonly #dir: TempDir;
  readonly #api: string;
  #arrival = Promise.withResolvers<void>();

  private constructor(server: Server, dir: TempDir, api: string) {
    this.#server = server;
    this.#dir = dir;
    this.#api = api;
    this.socket = dir.join("engine.sock");
    server.on("request", (request, response) => this.#answer(request, response));
  }

  static async start(api = "1.41"): Promise<PullEngine> {
    const engine = new PullEngine(createServer(), await TempDir.create("pull"), api);
    await new Promise<void>((resolve) => engine.#server.listen(engine.socket, resolve));
    return engine;
  }

  connect(): Promise<Engine> {
    return Engine.connect(chooseEndpoint({ DOCKER_HOST: `unix://${this.socket}` }), {}, never());
  }

  /** The pull with that number, counted from 0. */
  async pull(number: number): Promise<PullSeen> {
    for (;;) {
      const seen = this.pulls[number];
      if (seen !== undefined) return seen;
      await this.#arrival.promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pull of this.pulls) pull.release();
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#dir[Symbol.asyncDispose]();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", "http://engine");
    const path = url.pathname.replace(/^\/v[\d.]+/, "");
    const inspected = /^\/images\/(.+)\/json$/.exec(path)?.[1];
    response.setHeader("Api-Version", this.#api);
    if (path === "/_ping") response.end("OK");
    else if (path === "/version") json(response, 200, { ...VERSION, ApiVersion: this.#api });
    else if (inspected !== undefined) this.#inspect(decodeURIComponent(inspected), response);
    else if (path === "/images/create") void this.#pull(request, url.searchParams, response);
    else json(response, 404, { message: `page not found: ${path}` });
  }

  #inspect(name: string, response: ServerResponse): void {
    const found = this.present.get(name);
    if (found === undefined) {
      json(response, 404, { message: `No such image: ${name}` });
      return;
    }
    json(response, 200, {
      Id: `sha256:${"1".repeat(64)}`,
      RepoDigests: ["<none>@<none>", `mirror.example/x@${found.digest}`, `${found.name}@${found.digest}`],
      Os: "linux",
      Architecture: found.architecture,
      Size: 1,
    });
  }

  async #pull(request: IncomingMessage, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const released = Promise.withResolvers<void>();
    const seen = pullOf(request, query, response, released.resolve);
    this.pulls.push(seen);
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
    const answer = this.answers.shift() ?? "pulled";
    if (answer === "cut") return void response.destroy();
    if (typeof answer === "object" && "status" in answer) {
      return json(response, answer.status, { message: answer.words });
    }
    response.writeHead(200, { "Content-Type": "application/json" });
    line(response, { status: `Pulling from ${seen.fromImage}`, id: seen.tag });
    if (answer === "held") await released.promise;
    if (answer === "cut in the middle") return void response.destroy();
    if (typeof answer === "object") {
      const detail = answer.bare === true ? {} : { errorDetail: { message: answer.inStream } };
      line(response, { ...detail, error: answer.inStream });
    } else if (answer !== "pruned") {
      const key = `${seen.fromImage}${seen.tag.startsWith("sha256:") ? "@" : ":"}${seen.tag}`;
      this.present.set(key, { ...(this.published.get(key) ?? AMD64), name: seen.fromImage });
    }
    response.end();
  }
}

const VERSION = {
  MinAPIVersion: "1.24",
  Version: "20.10.24",
  Os: "linux",
  Arch: "amd64",
};

function pullOf(
  request: IncomingMessage,
  query: URLSearchParams,
  response: ServerResponse,
  release: () => void,
): PullSeen {
  const abandoned = new Promise<void>((resolve) => {
    response.on("close", () => response.writableFinished || resolve());
  });
  const header = request.headers["x-registry-auth"];
  const text = typeof header === "string" ? header : null;
  return {
    fromImage: query.get("fromImage") ?? "",
    tag: query.get("tag") ?? "",
    platform: query.get("platform") ?? "",
    auth: text === null ? null : JSON.parse(Buffer.from(text, "base64url").toString("utf8")),
    header: text,
    abandoned,
    release,
  };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}

function line(response: ServerResponse, body: object): void {
  response.write(`${JSON.stringify(body)}\r\n`);
}
