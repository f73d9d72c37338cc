/** Waiting for a condition without polling: whoever changes something rings, whoever waits looks again. */

export interface WaitOptions {
  /** 15 s unless told; infinity for no deadline. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Long enough for a loaded machine; a wait that ends well never sees it. */
const DEFAULT_TIMEOUT_MS = 15_000;

export class Bell {
  readonly #listeners = new Set<() => void>();

  ring(): void {
    for (const listener of this.#listeners) listener();
  }

  /**
   * The first value that `probe` gives, asked now and after each ring.
   * @param what completes the sentence "Waited 15000 ms for …" of the error at the deadline
   */
  until<T>(probe: () => T | undefined, what: () => string, options: WaitOptions = {}): Promise<T> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = () => {
      try {
        const found = probe();
        if (found !== undefined) finish(() => resolve(found));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const onAbort = () => finish(() => reject(options.signal?.reason));
    const onDeadline = () => finish(() => reject(new Error(`Waited ${timeoutMs} ms for ${what()}`)));
    // setTimeout takes infinity for "at once".
    const timer = Number.isFinite(timeoutMs) ? setTimeout(onDeadline, timeoutMs) : undefined;
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      this.#listeners.delete(look);
      options.signal?.removeEventListener("abort", onAbort);
      settle();
    };
    options.signal?.addEventListener("abort", onAbort);
    this.#listeners.add(look);
    if (options.signal?.aborted) onAbort();
    else look();
    return promise;
  }
}
