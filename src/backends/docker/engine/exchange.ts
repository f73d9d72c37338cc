/**
 * One request and its answer over one connection of its own. None is used twice: a connection that an
 * engine's restart has silently broken is then never found out by the next call, and a unix socket
 * costs next to nothing to open.
 */
import type { Channel } from "../../../runtime/byte-channel.ts";
import { type BodyDecoder, bodyDecoderFor } from "./http-body.ts";
import { HeadReader, type ResponseHead, writeHead } from "./http-head.ts";

/** A stream of bytes that is read as it comes, with backpressure; leaving the loop ends it. */
export type ByteStream = AsyncIterable<Uint8Array>;

export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | ByteStream | null;
}

export interface Response extends ResponseHead {
  /** To be read to its end or left in the middle, which closes the connection. */
  readonly body: ByteStream;
  /** For a body that is not read at all. */
  readonly close: () => void;
}

/** What the request's body was read from broke; `cause` is what it threw. */
export class SourceBroke extends Error {
  override readonly name = "SourceBroke";
}

/** @throws what broke the connection or cut the answer short, NotHttp, SourceBroke, the signal's reason */
export async function exchange(channel: Channel, request: Request, signal: AbortSignal): Promise<Response> {
  const close = () => channel.close();
  signal.addEventListener("abort", close, { once: true });
  const end = () => {
    signal.removeEventListener("abort", close);
    channel.close();
  };
  const sending = new Sending(channel, request);
  try {
    signal.throwIfAborted();
    const { head, rest } = await readHead(channel);
    const decoder = bodyDecoderFor(request.method, head);
    return { ...head, body: readBody(channel, decoder, rest, signal, end), close: end };
  } catch (error) {
    end();
    signal.throwIfAborted();
    // A source that broke is the cause of the connection's end, not the other way round.
    throw sending.sourceFailure ?? error;
  }
}

async function readHead(channel: Channel): Promise<{ head: ResponseHead; rest: Uint8Array }> {
  const reader = new HeadReader();
  for (;;) {
    const bytes = await channel.read();
    if (bytes === null) throw new Error("The connection was closed before there was an answer");
    const found = reader.push(bytes);
    if (found !== null) return found;
  }
}

async function* readBody(
  channel: Channel,
  decoder: BodyDecoder,
  first: Uint8Array,
  signal: AbortSignal,
  end: () => void,
): ByteStream {
  try {
    for (let bytes: Uint8Array | null = first; ; bytes = await channel.read()) {
      signal.throwIfAborted();
      if (bytes === null && !decoder.mayEnd) {
        throw new Error("The connection was closed in the middle of an answer");
      }
      if (bytes === null) return;
      const part = decoder.push(bytes);
      if (part.length > 0) yield part;
      if (decoder.done) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    end();
  }
}

/** The request on its way. It goes on beside the answer, because an engine may refuse a body early. */
class Sending {
  /** What the source of the body threw; null while it has not. */
  sourceFailure: SourceBroke | null = null;
  readonly #channel: Channel;

  constructor(channel: Channel, request: Request) {
    this.#channel = channel;
    // A connection that broke while sending is found out by the one who reads the answer; so is an
    // answer that the engine gave before it hung up.
    this.#send(request).catch(() => undefined);
  }

  async #send({ method, target, headers, body }: Request): Promise<void> {
    if (body === null || body instanceof Uint8Array) {
      const length = body === null ? {} : { "Content-Length": String(body.length) };
      await this.#channel.write(writeHead(method, target, { ...headers, ...length }));
      if (body !== null) await this.#channel.write(body);
      return;
    }
    await this.#channel.write(writeHead(method, target, { ...headers, "Transfer-Encoding": "chunked" }));
    await this.#sendChunks(body);
  }

  async #sendChunks(body: ByteStream): Promise<void> {
    const encoder = new TextEncoder();
    for await (const bytes of this.#watched(body)) {
      if (bytes.length === 0) continue;
      await this.#channel.write(encoder.encode(`${bytes.length.toString(16)}\r\n`));
      await this.#channel.write(bytes);
      await this.#channel.write(encoder.encode("\r\n"));
    }
    await this.#channel.write(encoder.encode("0\r\n\r\n"));
  }

  /** A body that breaks off must not look whole to the engine: the connection is cut. */
  async *#watched(body: ByteStream): ByteStream {
    try {
      yield* body;
    } catch (error) {
      this.sourceFailure = new SourceBroke("The body of a request broke off", { cause: error });
      this.#channel.close();
      throw error;
    }
  }
}
