/** One HTTP POST: bytes out, status and the beginning of the answer in. */
import { beginningOf } from "./answer-beginning.ts";
import { fetchDirectly } from "./direct-fetch.ts";
import { isLoopback } from "./loopback.ts";

export interface PostTls {
  /** PEM; instead of the system's authorities. */
  readonly authorities: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

export interface PostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body is compressed, and said to be. */
  readonly gzip: boolean;
  readonly tls: PostTls;
  readonly signal: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** At most LARGEST_ANSWER_BYTES of it. */
  readonly body: Uint8Array;
}

/** Rejects when there is no answer. A redirection is not followed: headers may be meant for this host alone. */
export async function post({ url, headers, body, gzip, tls, signal }: PostOptions): Promise<PostAnswer> {
  const bytes = new Uint8Array(body);
  // Left to itself it would ask the proxy for this very host too, unless NO_PROXY names it.
  const send = isLoopback(new URL(url).hostname) ? fetchDirectly : fetch;
  const response = await send(url, {
    method: "POST",
    headers: gzip ? { ...headers, "Content-Encoding": "gzip" } : headers,
    body: gzip ? Bun.gzipSync(bytes) : bytes,
    redirect: "manual",
    signal,
    tls: {
      // Said, because a variable of the environment would decide otherwise.
      rejectUnauthorized: true,
      ...(tls.authorities === null ? {} : { ca: tls.authorities }),
      ...(tls.certificate === null ? {} : { cert: tls.certificate }),
      ...(tls.key === null ? {} : { key: tls.key }),
    },
  });
  return { status: response.status, headers: response.headers, body: await beginningOf(response) };
}
