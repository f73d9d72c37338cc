/** Looks on while an image is pulled: says at debug how far it is, and ends a pull that has come to a stop. */
import { type Expiry, expiring } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import type { PullProgress } from "../engine/images.ts";

/**
 * Engines say something with every piece that they fetch or unpack, but podman only with every layer,
 * and unpacking a large one onto a slow disk takes its time.
 */
export const STALL_MS = 15 * 60_000;
const BETWEEN_LINES_MS = 5_000;

export class PullWatch implements Disposable {
  readonly #patience: Expiry;
  readonly #log: Logger;
  #lastLine = performance.now();

  constructor(signal: AbortSignal, log: Logger) {
    this.#patience = expiring(signal, STALL_MS, stalled);
    this.#log = log;
  }

  /** Fires with the pull's own signal, or when nothing was heard of it for too long. */
  get signal(): AbortSignal {
    return this.#patience.signal;
  }

  saw({ id, status, currentBytes, totalBytes }: PullProgress): void {
    this.#patience.renew();
    if (performance.now() - this.#lastLine < BETWEEN_LINES_MS) return;
    this.#lastLine = performance.now();
    this.#log.debug("pull goes on", { layer: id, status, currentBytes, totalBytes });
  }

  [Symbol.dispose](): void {
    this.#patience[Symbol.dispose]();
  }
}

function stalled(): Error {
  return new Error(`the engine has said nothing of it for ${STALL_MS / 60_000} minutes`);
}
