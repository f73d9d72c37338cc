/** One direction of a piped TCP connection, and what can go wrong in it. */
import type { Socket } from "node:net";

/** Null stands for the end of the stream. */
interface Piece {
  readonly bytes: Buffer | null;
  readonly dueAt: number;
}

export class PipeLane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #onSpent: () => void;
  #held: Piece[] = [];
  #frozen = false;
  #delayMs = 0;
  #allowanceBytes = Number.POSITIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** `onSpent` is called when the bytes granted by `truncateAfter` are used up. */
  constructor(from: Socket, to: Socket, onSpent: () => void) {
    this.#from = from;
    this.#to = to;
    this.#onSpent = onSpent;
    from.on("data", (bytes: Buffer) => this.#take(bytes));
    from.on("end", () => this.#take(null));
    to.on("drain", () => {
      if (!this.#frozen) from.resume();
    });
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Stops reading, so that the sender's bytes stay in the kernel and in the end on its own side. */
  freeze(): void {
    this.#frozen = true;
    this.#from.pause();
  }

  /** Lets go of all that was held back: late, but complete. */
  thaw(): void {
    this.#frozen = false;
    this.#flow();
    this.#from.resume();
  }

  delayBy(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  truncateAfter(bytes: number): void {
    this.#allowanceBytes = bytes;
  }

  /** Forgets what is held back; the sockets are the owner's to close. */
  close(): void {
    this.#held = [];
    if (this.#timer) clearTimeout(this.#timer);
  }

  #take(bytes: Buffer | null): void {
    this.#held.push({ bytes, dueAt: this.#delayMs > 0 ? performance.now() + this.#delayMs : 0 });
    this.#flow();
  }

  #flow(): void {
    while (!this.#frozen) {
      const piece = this.#held[0];
      if (!piece) return;
      const waitMs = piece.dueAt > 0 ? piece.dueAt - performance.now() : 0;
      if (waitMs > 0) {
        if (this.#timer) clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#flow(), waitMs);
        return;
      }
      this.#held.shift();
      this.#forward(piece.bytes);
    }
  }

  #forward(bytes: Buffer | null): void {
    if (bytes === null) {
      this.#to.end();
      return;
    }
    const part = bytes.subarray(0, this.#allowanceBytes);
    this.#allowanceBytes -= part.length;
    if (!this.#to.write(part)) this.#from.pause();
    if (this.#allowanceBytes === 0) this.#onSpent();
  }
}
