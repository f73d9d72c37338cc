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

/** Resolves when the signal fires. Its listener goes with the `scope`, so that a long-lived signal keeps none. */
export function fired(signal: AbortSignal, scope: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true, signal: scope });
  });
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
