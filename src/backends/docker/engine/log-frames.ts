/**
 * The output of a container: two streams in one, or one as it is when the container has a terminal.
 * A frame is a byte for the stream, three zeros, the length in four bytes (big-endian), and as many
 * bytes: https://docs.docker.com/reference/api/engine/ (attach).
 */
import { EngineError } from "./errors.ts";
import type { ByteStream } from "./exchange.ts";

export interface LogChunk {
  readonly stream: "stdout" | "stderr";
  /** Any part of the output, cut anywhere; never empty. */
  readonly bytes: Uint8Array;
}

/** Nothing is collected: what came is handed on before more is read. */
export async function* readLog(body: ByteStream, framed: boolean): AsyncIterable<LogChunk> {
  if (!framed) {
    for await (const bytes of body) yield { stream: "stdout", bytes };
    return;
  }
  const frames = new FrameDecoder();
  for await (const bytes of body) {
    yield* frames.push(bytes);
    // After what came before it: the words of a task that failed are not lost to a stream that broke behind them.
    frames.check();
  }
  frames.end();
}

const HEADER_BYTES = 8;
/** An error of the engine's own in the stream (stream 3) has one sentence. */
const LONGEST_ERROR_BYTES = 4096;

class FrameDecoder {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  #left = 0;
  #error = "";
  #failure: EngineError | null = null;

  /** What came before a failure (see `check`). Frames of one stream that follow each other become one chunk. */
  push(bytes: Uint8Array): readonly LogChunk[] {
    const chunks = new Chunks(bytes.length);
    for (let at = 0; at < bytes.length && this.#failure === null; ) {
      if (this.#headerFilled < HEADER_BYTES) {
        at = this.#takeHeader(bytes, at);
        continue;
      }
      const part = bytes.subarray(at, at + this.#left);
      this.#takePayload(part, chunks);
      at += part.length;
      this.#left -= part.length;
      if (this.#left === 0) this.#endFrame();
    }
    return chunks.finish();
  }

  /** @throws EngineError for what is no frame, and with what the engine itself said in one */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** @throws EngineError with what the engine said in the stream's last frame, were it cut short */
  end(): void {
    if (this.#error !== "") throw new EngineError(0, this.#error);
  }

  #takeHeader(bytes: Uint8Array, from: number): number {
    const part = bytes.subarray(from, from + HEADER_BYTES - this.#headerFilled);
    this.#header.set(part, this.#headerFilled);
    this.#headerFilled += part.length;
    if (this.#headerFilled === HEADER_BYTES) this.#readHeader();
    return from + part.length;
  }

  #readHeader(): void {
    const [stream = 0, one, two, three] = this.#header;
    if (stream > 3 || one !== 0 || two !== 0 || three !== 0) {
      this.#failure = new EngineError(0, "The engine's log stream is not in frames as it should be");
      return;
    }
    this.#left = new DataView(this.#header.buffer).getUint32(4);
    if (this.#left === 0) this.#endFrame();
  }

  #takePayload(part: Uint8Array, chunks: Chunks): void {
    if (this.#header[0] !== 3) chunks.add(this.#header[0] === 2 ? "stderr" : "stdout", part);
    else if (this.#error.length < LONGEST_ERROR_BYTES) this.#error += new TextDecoder().decode(part);
  }

  #endFrame(): void {
    this.#headerFilled = 0;
    if (this.#error !== "") this.#failure = new EngineError(0, this.#error);
  }
}

/** Puts together what one read brought: engines frame each line by itself. */
class Chunks {
  readonly #done: LogChunk[] = [];
  readonly #buffer: Uint8Array;
  #stream: LogChunk["stream"] = "stdout";
  #from = 0;
  #to = 0;

  constructor(size: number) {
    this.#buffer = new Uint8Array(size);
  }

  add(stream: LogChunk["stream"], bytes: Uint8Array): void {
    if (stream !== this.#stream) this.#cut();
    this.#stream = stream;
    this.#buffer.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  finish(): readonly LogChunk[] {
    this.#cut();
    return this.#done;
  }

  #cut(): void {
    if (this.#to > this.#from) {
      this.#done.push({ stream: this.#stream, bytes: this.#buffer.subarray(this.#from, this.#to) });
    }
    this.#from = this.#to;
  }
}
