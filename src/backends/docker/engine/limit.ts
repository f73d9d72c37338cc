/** How long a call may take, beside the signals that end it. */

/** Creating and starting copy files and set up networks; a slow disk takes minutes for a large image, or a volume of many files. */
export const HEAVY_CALL_MS = 10 * 60_000;

export class Limit implements Disposable {
  /** Fires for whichever comes first. */
  readonly signal: AbortSignal;
  readonly ms: number;
  readonly #sources: readonly AbortSignal[];
  readonly #timer: ReturnType<typeof setTimeout> | null;
  readonly #abort: () => void;
  #late = false;

  /** `ms` null: no limit of time. */
  constructor(sources: readonly AbortSignal[], ms: number | null) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.ms = ms ?? 0;
    this.#sources = sources;
    this.#abort = () => controller.abort(this.reason);
    if (this.stopped) this.#abort();
    for (const source of sources) source.addEventListener("abort", this.#abort, { once: true });
    this.#timer = ms === null ? null : setTimeout(() => this.#expire(controller), ms);
  }

  /** Ended by one of the signals. */
  get stopped(): boolean {
    return this.#sources.some(({ aborted }) => aborted);
  }

  /** Of the signal that ended it. */
  get reason(): unknown {
    return this.#sources.find(({ aborted }) => aborted)?.reason;
  }

  get late(): boolean {
    return this.#late;
  }

  /** Lets go of the signals: a long-lived one must not keep a listener of each call. */
  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener("abort", this.#abort);
  }

  #expire(controller: AbortController): void {
    this.#late = true;
    controller.abort(new Error(`Nothing came within ${this.ms} ms`));
  }
}
