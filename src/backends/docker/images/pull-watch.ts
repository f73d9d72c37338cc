/** Looks on while an image is pulled: says at debug how far it is, and ends a pull that has come to a stop. */
import type { Logger } from "../../../logging/logger.ts";
import type { PullProgress } from "../engine/images.ts";

/**
 * Engines say something with every piece that they fetch or unpack, but podman only with every layer,
 * and unpacking a large one onto a slow disk takes its time.
 */
export const STALL_MS = 15 * 60_000;
const BETWEEN_LINES_MS = 5_000;

/** Nothing was heard of a pull for too long. */
export class PullStalled extends Error {
  override readonly name = "PullStalled";
}

export class PullWatch implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #log: Logger;
  readonly #forward: () => void;
  #timer: ReturnType<typeof setTimeout>;
  #lastLine = performance.now();

  constructor(signal: AbortSignal, log: Logger) {
    this.#outer = signal;
    this.#log = log;
    this.#forward = () => this.#controller.abort(signal.reason);
    if (signal.aborted) this.#forward();
    else signal.addEventListener("abort", this.#forward, { once: true });
    this.#timer = this.#arm();
  }

  /** Fires with the pull's own signal, or with PullStalled. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  saw({ id, status, currentBytes, totalBytes }: PullProgress): void {
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
    if (performance.now() - this.#lastLine < BETWEEN_LINES_MS) return;
    this.#lastLine = performance.now();
    this.#log.debug("pull goes on", { layer: id, status, currentBytes, totalBytes });
  }

  #arm(): ReturnType<typeof setTimeout> {
    const minutes = STALL_MS / 60_000;
    const stalled = () =>
      this.#controller.abort(new PullStalled(`the engine has said nothing of it for ${minutes} minutes`));
    return setTimeout(stalled, STALL_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#forward);
  }
}
