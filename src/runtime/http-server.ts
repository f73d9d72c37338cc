/** A small HTTP server for answers that are made at once: metrics and health. */
import { listenOn } from "./listen-host.ts";

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
  const server = listenOn(host, (hostname) =>
    Bun.serve({
      hostname,
      port,
      idleTimeout: IDLE_SECONDS,
      maxRequestBodySize: LARGEST_BODY_BYTES,
      development: false,
      // Outside of development the runtime shares a port with whoever else does: of two workers with one address each
      // once got half of the questions, and neither said that it was taken.
      reusePort: false,
      fetch: answer,
      error: () => new Response("Something went wrong\n", { status: 500 }),
    }),
  );
  return { port: server.port ?? port, stop: () => server.stop(true) };
}
