/** A small HTTP server for answers that are made at once: metrics and health. */
import { codeOf } from "../logging/words-of.ts";

export interface HttpServerOptions {
  /** A name or address of this host. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A throw becomes a 500 without words. */
  answer(request: Request): Response | Promise<Response>;
}

export interface HttpServer {
  /** The real one. */
  readonly port: number;
  /** Ends every connection at once. */
  stop(): Promise<void>;
}

const IDLE_SECONDS = 30;
/** Nothing that is asked here has a body. */
const LARGEST_BODY_BYTES = 1024;

/** Throws when the address cannot be listened on. */
export function serveHttp({ host, port, answer }: HttpServerOptions): HttpServer {
  const server = listening({ host, port, answer });
  return { port: server.port ?? port, stop: () => server.stop(true) };
}

function listening({ host, port, answer }: HttpServerOptions) {
  try {
    return Bun.serve({
      // The name may mean the IPv6 address alone, and who asks then mostly tries the other.
      hostname: host === "localhost" ? "127.0.0.1" : host,
      port,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: LARGEST_BODY_BYTES,
      development: false,
      fetch: answer,
      error: () => new Response("Something went wrong\n", { status: 500 }),
    });
  } catch (error) {
    // The runtime's words for a name that nobody knows are "no such file or directory".
    if (codeOf(error) === "ENOENT")
      throw new Error(`no address is known for the name "${host}"`, { cause: error });
    throw error;
  }
}
