/** The end of a container's output, in bounded memory however much there was. */
import type { LogChunk } from "./engine/log-frames.ts";

export const TAIL_BYTES = 256 * 1024;

export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** Lines over this length are cut for the log: one event, one line that can be read. */
const LONGEST_LINE = 16 * 1024;

/** Keeps the last TAIL_BYTES of both streams in the order in which they came. */
export class OutputTail {
  private readonly chunks: LogChunk[] = [];
  private bytes = 0;
  private readonly limit: number;

  constructor(limit = TAIL_BYTES) {
    this.limit = limit;
  }

  add(chunk: LogChunk): void {
    this.chunks.push(chunk);
    this.bytes += chunk.bytes.byteLength;
    for (;;) {
      const first = this.chunks[0];
      if (first === undefined || this.bytes - first.bytes.byteLength < this.limit) break;
      this.chunks.shift();
      this.bytes -= first.bytes.byteLength;
    }
  }

  /** In the order of their ends. What the limit cut off is whole entries of the engine, seldom half a line. */
  lines(): OutputLine[] {
    const open = { stdout: new LineReader("stdout"), stderr: new LineReader("stderr") };
    const lines: OutputLine[] = [];
    for (const { stream, bytes } of this.chunks) lines.push(...open[stream].take(bytes));
    return [...lines, ...open.stdout.end(), ...open.stderr.end()];
  }
}

class LineReader {
  private readonly stream: OutputLine["stream"];
  private readonly decoder = new TextDecoder();
  private rest = "";

  constructor(stream: OutputLine["stream"]) {
    this.stream = stream;
  }

  take(bytes: Uint8Array): OutputLine[] {
    const parts = (this.rest + this.decoder.decode(bytes, { stream: true })).split("\n");
    this.rest = parts.pop() ?? "";
    return parts.map((text) => this.line(text));
  }

  end(): OutputLine[] {
    const text = this.rest + this.decoder.decode();
    return text === "" ? [] : [this.line(text)];
  }

  private line(text: string): OutputLine {
    return { stream: this.stream, text: text.replace(/\r$/, "") };
  }
}

/** For a line from which secrets are gone: half of one, at the cut, nobody would recognize. */
export function shortened(text: string): string {
  return text.length > LONGEST_LINE ? `…${text.slice(-LONGEST_LINE)}` : text;
}
