/** A small HTTP server for answers that are made at once, under Deno. */
import type { HttpServer, HttpServerOptions } from "../http-server.ts";
import { listenOn } from "../listen-host.ts";
import { deno } from "./deno-global.ts";

/** Deno closes no connection for being idle; who may connect at all is the operator's choice. */
export function serveHttp({ host, port, answer }: HttpServerOptions): HttpServer {
  const end = new AbortController();
  const options = {
    port,
    signal: end.signal,
    // Otherwise it says so on standard output.
    onListen: () => {},
    onError: () => new Response("Something went wrong\n", { status: 500 }),
  };
  const server = listenOn(host, (hostname) => deno.serve({ ...options, hostname }, answer));
  return {
    port: server.addr.port,
    stop: () => {
      end.abort();
      return server.finished;
    },
  };
}
