/** One HTTP POST: bytes out, status and the beginning of the answer in. */
import { proxyOptionFor } from "./direct-fetch.ts";

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

/** More than any answer that says something, and little enough for one that never ends. */
const LARGEST_ANSWER_BYTES = 64 * 1024;

/** Rejects when there is no answer. A redirection is not followed: headers may be meant for this host alone. */
export async function post({ url, headers, body, gzip, tls, signal }: PostOptions): Promise<PostAnswer> {
  const bytes = new Uint8Array(body);
  const response = await fetch(url, {
    method: "POST",
    headers: gzip ? { ...headers, "Content-Encoding": "gzip" } : headers,
    body: gzip ? Bun.gzipSync(bytes) : bytes,
    redirect: "manual",
    signal,
    ...proxyOptionFor(url),
    tls: {
      ...(tls.authorities === null ? {} : { ca: tls.authorities }),
      ...(tls.certificate === null ? {} : { cert: tls.certificate }),
      ...(tls.key === null ? {} : { key: tls.key }),
    },
  });
  return { status: response.status, headers: response.headers, body: await beginningOf(response) };
}

async function beginningOf(response: Response): Promise<Uint8Array> {
  const length = Number(response.headers.get("Content-Length") ?? Number.NaN);
  // The usual answer, without the memory that reading piece by piece costs.
  if (length <= LARGEST_ANSWER_BYTES) return new Uint8Array(await response.arrayBuffer());
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.length;
    // Leaving the loop ends the connection.
    if (size >= LARGEST_ANSWER_BYTES) break;
  }
  return Buffer.concat(pieces).subarray(0, LARGEST_ANSWER_BYTES);
}
