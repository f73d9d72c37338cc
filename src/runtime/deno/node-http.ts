/** Requests and responses of node:http as those of fetch. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";

/** With its whole body. Its signal fires when the connection ends. @throws on a body that is larger */
export async function requestOf(incoming: IncomingMessage, largestBytes: number): Promise<Request> {
  const gone = new AbortController();
  incoming.socket.once("close", () => gone.abort());
  const { method = "GET", headers, url = "/" } = incoming;
  const body = method === "GET" || method === "HEAD" ? undefined : await bodyOf(incoming, largestBytes);
  return new Request(new URL(url, `http://${headers.host ?? "localhost"}`).href, {
    method,
    headers: headersOf(headers),
    signal: gone.signal,
    ...(body === undefined ? {} : { body }),
  });
}

export function headersOf(headers: IncomingMessage["headers"]): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const each of [value ?? []].flat()) all.append(name, each);
  }
  return all;
}

async function bodyOf(incoming: IncomingMessage, largestBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of incoming) {
    size += piece.length;
    if (size > largestBytes) throw new Error(`The body is larger than ${largestBytes} bytes`);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

export async function answerOn(outgoing: ServerResponse, response: Response): Promise<void> {
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

/** The head of an answer after which the connection ends. */
export function writeHead({ status, headers }: Response, bodyBytes: number): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}`);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...lines,
    `Content-Length: ${bodyBytes}`,
    "Connection: close",
    "\r\n",
  ].join("\r\n");
}
