/** One request to a cluster's API server, by node:https: Deno's fetch cannot replace the authorities that it trusts. */
import { type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { Readable } from "node:stream";
import type { ClusterRequest, ClusterTls } from "../cluster-fetch.ts";
import { headersOf } from "./node-http.ts";
import { type TunnelTls, throughTunnel } from "./proxy-tunnel.ts";

/** A proxy is used when the kubeconfig names it; the environment's is not. */
export async function fetchCluster(url: string, given: ClusterRequest): Promise<Response> {
  const { method, headers, body, proxy, signal } = given;
  const target = new URL(url);
  const tls = tlsOptions(given.tls);
  const options = {
    method,
    headers: { ...Object.fromEntries(headers), ...lengthOf(body) },
    signal,
    ...tls,
    // Each its own connection: one that is kept may be closed by the server just when it is used again.
    ...(proxy === null
      ? { agent: false as const }
      : throughTunnel({ proxy: new URL(proxy), target, tls, signal })),
  };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = target.protocol === "https:" ? requestSecure : requestPlain;
    const request = send(target, options, resolve);
    request.on("error", (error) => reject(signal.aborted ? signal.reason : error));
    request.end(body);
  });
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    answer.destroy();
    throw new Error(`the server answered with a redirection (${status}), which is not followed`);
  }
  const hasBody = status !== 204 && method !== "HEAD";
  return new Response(hasBody ? bodyOf(answer) : null, { status, headers: headersOf(answer.headers) });
}

/** Said aloud: node:http leaves it out of a DELETE, whose body the server then takes for another request. */
function lengthOf(body: string | undefined): { readonly "Content-Length"?: number } {
  return body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
}

function bodyOf(answer: IncomingMessage): ReadableStream<Uint8Array> {
  return Readable.toWeb(answer) as ReadableStream<Uint8Array>;
}

function tlsOptions({ ca, cert, key, serverName, rejectUnauthorized }: ClusterTls): TunnelTls {
  return {
    ...(ca === undefined ? {} : { ca: [ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}
