/** Waits that a signal ends. */

/** Resolves after `ms`, or at once when the signal fires: the caller asks the signal which it was. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** For a wait that nothing is to end early. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

export interface Firing extends Disposable {
  /** Resolves when the signal fires. */
  readonly fired: Promise<void>;
}

/** Lets go of the signal when disposed, so that a long-lived one keeps no listeners of short waits. */
export function firing(signal: AbortSignal): Firing {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => resolve();
  if (signal.aborted) resolve();
  else signal.addEventListener("abort", listener, { once: true });
  return {
    fired: promise,
    [Symbol.dispose]: () => signal.removeEventListener("abort", listener),
  };
}

/** What `work` resolves to, or `fallback` when it has not settled after `ms`. Rejections pass through. */
export function within<T, F>(work: Promise<T>, ms: number, fallback: F): Promise<T | F> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(fallback), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Lets what has arrived, and what is to be written, go through `times` times. */
export async function turns(times: number): Promise<void> {
  for (let turn = 0; turn < times; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
