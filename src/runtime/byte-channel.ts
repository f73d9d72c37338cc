/** A connection as two streams of bytes, read by asking, so that nobody sends faster than we read. */

export interface Channel {
  /** Null when the other side has ended. One reader at a time. @throws what broke the connection */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the system has taken all of it. One writer at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Both ways, at once; whoever reads then gets the end. */
  close(): void;
}

export interface Flow {
  pause(): void;
  resume(): void;
}

/** What lies here unread before the other side is made to wait. */
const HIGH_BYTES = 256 * 1024;
const LOW_BYTES = 64 * 1024;

/** Turns pushed chunks into ones that are asked for. */
export class InboundQueue {
  #chunks: Uint8Array[] = [];
  #queuedBytes = 0;
  #paused = false;
  #flow: Flow | null = null;
  #failure: Error | null = null;
  #ended = false;
  #reader: { resolve: (bytes: Uint8Array | null) => void; reject: (error: Error) => void } | null = null;

  get ended(): boolean {
    return this.#ended;
  }

  /** Who is asked to wait. Chunks may come before. */
  flow(flow: Flow): void {
    this.#flow = flow;
    this.#hold();
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#ended) return;
    if (this.#reader !== null) {
      const { resolve } = this.#reader;
      this.#reader = null;
      resolve(bytes);
      return;
    }
    this.#chunks.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#hold();
  }

  end(): void {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = null;
  }

  /** The first failure is the one that is told. What came before it can still be read. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = error;
    if (this.#reader === null) return;
    this.#reader.reject(error);
    this.#reader = null;
  }

  next(): Promise<Uint8Array | null> {
    const bytes = this.#chunks.shift();
    if (bytes === undefined) return this.#nextToCome();
    this.#queuedBytes -= bytes.length;
    if (this.#paused && this.#queuedBytes < LOW_BYTES) {
      this.#paused = false;
      this.#flow?.resume();
    }
    return Promise.resolve(bytes);
  }

  #nextToCome(): Promise<Uint8Array | null> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #hold(): void {
    if (this.#paused || this.#flow === null || this.#queuedBytes < HIGH_BYTES) return;
    this.#paused = true;
    this.#flow.pause();
  }
}
