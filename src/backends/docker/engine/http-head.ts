/** The heads of HTTP/1.1: ours written, the engine's read, however it was cut. */

export interface ResponseHead {
  readonly status: number;
  /** Empty for one that is not there; names in any case. */
  readonly header: (name: string) => string;
}

/** What answers does not speak HTTP. */
export class NotHttp extends Error {
  override readonly name = "NotHttp";
}

/** More than any engine or proxy sends. */
const LARGEST_HEAD_BYTES = 64 * 1024;

export function writeHead(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
): Uint8Array {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${oneLine(value)}\r\n`);
  return new TextEncoder().encode(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
}

/** A line break in a value would be a header of somebody else's making. */
function oneLine(value: string): string {
  return value.replace(/[\r\n]+/g, " ");
}

/** Collects bytes until there is a head. Answers before the real one (1xx) are skipped. */
export class HeadReader {
  #bytes = new Uint8Array(0);

  /** Null: more is needed. `rest` is what came after the head. @throws NotHttp */
  push(bytes: Uint8Array): { readonly head: ResponseHead; readonly rest: Uint8Array } | null {
    this.#bytes = concat(this.#bytes, bytes);
    for (;;) {
      const end = endOfHead(this.#bytes);
      if (end === null) {
        if (!couldBeHttp(this.#bytes)) throw new NotHttp(`not HTTP: ${printable(this.#bytes)}`);
        if (this.#bytes.length > LARGEST_HEAD_BYTES) throw new NotHttp("a head without end");
        return null;
      }
      const head = parseHead(new TextDecoder("latin1").decode(this.#bytes.subarray(0, end)));
      this.#bytes = this.#bytes.slice(end);
      if (head.status >= 200) return { head, rest: this.#bytes };
    }
  }
}

function parseHead(text: string): ResponseHead {
  const [first = "", ...lines] = text.split(/\r?\n/);
  const match = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first);
  if (match === null) throw new NotHttp(`not HTTP: ${first.slice(0, 80)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(match[1]), header: (name) => headers.get(name.toLowerCase()) ?? "" };
}

/** The index behind the empty line. */
function endOfHead(bytes: Uint8Array): number | null {
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return null;
}

function couldBeHttp(bytes: Uint8Array): boolean {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 5));
  return "HTTP/".startsWith(start);
}

function printable(bytes: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 80));
  return JSON.stringify(text.replace(/[^\x20-\x7e]+/g, "."));
}

function concat(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
