/** What a child writes, as text, up to a limit. */

/** To wait for the end of it once the child has ended: a grandchild that went on may hold the pipe open for ever. */
export const LAST_OUTPUT_MS = 1_000;

/** `value` is absent at the end. */
interface Reading {
  readonly value?: Uint8Array | undefined;
}

export class LimitedOutput {
  readonly #maxBytes: number;
  readonly #onTooMuch: () => void;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  whole = true;

  constructor(maxBytes: number, onTooMuch: () => void) {
    this.#maxBytes = maxBytes;
    this.#onTooMuch = onTooMuch;
  }

  /** Never rejects: what cannot be read any more is not there. */
  async readAll(read: () => Promise<Reading>): Promise<void> {
    try {
      for (let next = await read(); next.value !== undefined; next = await read()) this.#take(next.value);
    } catch {
      this.whole = false;
    }
  }

  #take(chunk: Uint8Array): void {
    if (!this.whole) return;
    this.#bytes += chunk.byteLength;
    if (this.#bytes <= this.#maxBytes) {
      this.#chunks.push(chunk);
      return;
    }
    this.whole = false;
    this.#onTooMuch();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}
