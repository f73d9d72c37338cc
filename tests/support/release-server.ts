/**
 * A folder of releases on the loopback address, as install.sh expects it, that can lie about each file.
 * Sources: the paths are those of GitHub's release downloads.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { tarOf } from "../../scripts/services/tar.ts";

/** Answers a request in its own way; false: as usual. */
export type Lie = (request: IncomingMessage, response: ServerResponse, content: Uint8Array | null) => boolean;

export interface ReleaseOptions {
  readonly version?: string;
  /** The installed program; one that tells its version unless given. */
  readonly program?: string | Uint8Array;
  /** The whole archive in place of one with `program`. */
  readonly archive?: Uint8Array;
  readonly targets?: readonly string[];
}

const TARGETS: readonly string[] = ["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl"];

export class ReleaseServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #files = new Map<string, Uint8Array>();
  readonly #lies = new Map<string, Lie>();
  /** Paths that were asked for, in order. */
  readonly requests: string[] = [];

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** With one release, which is the newest, unless others are added. */
  static async start(options: ReleaseOptions = {}): Promise<ReleaseServer> {
    const server = new ReleaseServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    server.add(options);
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("The release server is closed");
    return `http://127.0.0.1:${address.port}`;
  }

  add({ version = "9.9.9", targets = TARGETS, ...options }: ReleaseOptions): void {
    const archive = options.archive ?? archiveOf(options.program ?? programThatSays(version));
    const sum = createHash("sha256").update(archive).digest("hex");
    const names = targets.map((target) => `oz-agent-worker-${target}.tar.gz`);
    const files: [string, Uint8Array][] = names.map((name) => [name, archive]);
    files.push(["SHA256SUMS", Buffer.from(names.map((name) => `${sum}  ${name}\n`).join(""))]);
    for (const [name, content] of files) {
      this.#files.set(`/latest/download/${name}`, content);
      this.#files.set(`/download/v${version}/${name}`, content);
    }
  }

  /** About files whose name ends so, from now on. */
  lieAbout(ending: string, lie: Lie): void {
    this.#lies.set(ending, lie);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // A request to a proxy brings the whole address.
    const { pathname } = new URL(request.url ?? "/", "http://releases.test");
    this.requests.push(pathname);
    const content = this.#files.get(pathname) ?? null;
    const lie = [...this.#lies].find(([ending]) => pathname.endsWith(ending))?.[1];
    if (lie?.(request, response, content)) return;
    if (content === null) response.writeHead(404).end("Not found\n");
    else response.writeHead(200, { "content-length": content.length }).end(content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function programThatSays(version: string): string {
  return `#!/bin/sh\nif [ "$1" = version ]; then echo "oz-agent-worker ${version} (commit test)"; fi\n`;
}

export function archiveOf(program: string | Uint8Array): Uint8Array {
  const entries = [
    { path: "oz-agent-worker", kind: "file", content: program, mode: 0o755 },
    { path: "LICENSE", kind: "file", content: "Do as you like\n" },
  ] as const;
  return gzipSync(tarOf(entries), { level: 1 });
}

/** Says how much will come, sends half of it, and closes the connection. */
export const half: Lie = (_, response, content) => {
  if (content === null) return false;
  response.writeHead(200, { "content-length": content.length });
  response.write(content.subarray(0, Math.floor(content.length / 2)), () => response.destroy());
  return true;
};

export function instead(status: number, headers: Record<string, string>, body: string | Uint8Array): Lie {
  return (_, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}
