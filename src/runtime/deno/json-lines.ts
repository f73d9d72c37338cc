/** Messages of JSON on a stream of bytes, one a line. */

export function lineOf(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Puts the pieces together that a line comes in. */
export class LineReader {
  readonly #onMessage: (message: unknown) => void;
  readonly #decoder = new TextDecoder();
  #pieces: string[] = [];

  constructor(onMessage: (message: unknown) => void) {
    this.#onMessage = onMessage;
  }

  push(bytes: Uint8Array): void {
    const [first = "", ...more] = this.#decoder.decode(bytes, { stream: true }).split("\n");
    this.#pieces.push(first);
    for (const next of more) {
      const line = this.#pieces.join("");
      this.#pieces = [next];
      this.#onMessage(JSON.parse(line));
    }
  }
}
