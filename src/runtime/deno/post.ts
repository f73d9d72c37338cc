/** One HTTP POST under Deno. */
import { gzipSync } from "node:zlib";
import { beginningOf } from "../answer-beginning.ts";
import { isLoopback } from "../loopback.ts";
import type { PostAnswer, PostOptions } from "../post.ts";
import { deno, fetchBy } from "./deno-global.ts";
import { directTo } from "./direct-fetch.ts";

/** The authorities that are given are trusted beside Deno's own, not instead of them. */
export async function post({ url, headers, body, gzip, tls, signal }: PostOptions): Promise<PostAnswer> {
  const target = new URL(url);
  using client = deno.createHttpClient({
    // Deno would ask the proxy of the environment for this very host, too.
    ...(target.protocol === "http:" && isLoopback(target.hostname) ? directTo(target) : {}),
    ...(tls.authorities === null ? {} : { caCerts: [tls.authorities] }),
    ...(tls.certificate === null || tls.key === null ? {} : { cert: tls.certificate, key: tls.key }),
  });
  const bytes = new Uint8Array(body);
  const response = await fetchBy(client, url, {
    method: "POST",
    headers: gzip ? { ...headers, "Content-Encoding": "gzip" } : headers,
    body: gzip ? new Uint8Array(gzipSync(bytes)) : bytes,
    redirect: "manual",
    signal,
  });
  return { status: response.status, headers: response.headers, body: await beginningOf(response) };
}
