/** The bodies of HTTP/1.1 answers: taken out of what frames them, wherever that was cut. */
import { NotHttp, type ResponseHead } from "./http-head.ts";

export interface BodyDecoder {
  /** Nothing more belongs to the answer. */
  readonly done: boolean;
  /** What of the bytes is body; may be empty, may be a part of `bytes` itself. @throws NotHttp */
  push(bytes: Uint8Array): Uint8Array;
  /** Whether the answer is whole when the connection ends now. */
  readonly mayEnd: boolean;
}

/** By what the head says of the length; `method` is the request's. */
export function bodyDecoderFor(method: string, { status, header }: ResponseHead): BodyDecoder {
  if (method === "HEAD" || status === 204 || status === 304) return new FixedLength(0);
  if (/\bchunked\b/i.test(header("transfer-encoding"))) return new Chunked();
  const length = header("content-length");
  return /^\d+$/.test(length) ? new FixedLength(Number(length)) : new UntilClosed();
}

class FixedLength implements BodyDecoder {
  #left: number;

  constructor(length: number) {
    this.#left = length;
  }

  get done(): boolean {
    return this.#left === 0;
  }

  get mayEnd(): boolean {
    return this.done;
  }

  push(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.length;
    return part;
  }
}

/** HTTP/1.0's way, which proxies still have: the end cannot be told from a cut. */
class UntilClosed implements BodyDecoder {
  readonly done = false;
  readonly mayEnd = true;

  push(bytes: Uint8Array): Uint8Array {
    return bytes;
  }
}

/** A size in hex and its extensions, or a trailer; the engine's are a few characters. */
const LONGEST_LINE = 8192;

/**
 * Engines send each line of output as a chunk of its own, so all that came in one read is put together
 * here at once instead of being handed on in pieces.
 */
class Chunked implements BodyDecoder {
  #state: "size" | "data" | "after data" | "trailer" | "done" = "size";
  #left = 0;
  #line = "";

  get done(): boolean {
    return this.#state === "done";
  }

  get mayEnd(): boolean {
    return this.done;
  }

  push(bytes: Uint8Array): Uint8Array {
    const body = new Uint8Array(bytes.length);
    let filled = 0;
    for (let at = 0; at < bytes.length && this.#state !== "done"; ) {
      if (this.#state === "data") {
        const part = bytes.subarray(at, at + this.#left);
        body.set(part, filled);
        filled += part.length;
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#state = "after data";
      } else at = this.#readLine(bytes, at);
    }
    return body.subarray(0, filled);
  }

  /** @returns the index behind what was read */
  #readLine(bytes: Uint8Array, from: number): number {
    const end = bytes.indexOf(10, from);
    const stop = end === -1 ? bytes.length : end;
    for (let at = from; at < stop; at++) this.#line += String.fromCharCode(bytes[at] ?? 0);
    if (this.#line.length > LONGEST_LINE) throw new NotHttp("a chunk without a size");
    if (end === -1) return stop;
    const line = this.#line.trim();
    this.#line = "";
    this.#takeLine(line);
    return end + 1;
  }

  #takeLine(line: string): void {
    if (this.#state === "trailer") {
      if (line === "") this.#state = "done";
      return;
    }
    if (this.#state === "after data") {
      if (line !== "") throw new NotHttp("a chunk that is longer than its size");
      this.#state = "size";
      return;
    }
    const size = /^[0-9a-f]{1,12}(?=\s*(?:;|$))/i.exec(line)?.[0];
    if (size === undefined) throw new NotHttp(`a chunk of the size ${JSON.stringify(line.slice(0, 40))}`);
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailer" : "data";
  }
}
