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
  return new SignalFiring(signal);
}

/** Its own listener: each running task has one for as long as it runs. */
class SignalFiring implements Firing {
  readonly fired: Promise<void>;
  private readonly signal: AbortSignal;
  private resolve: () => void = () => {};

  constructor(signal: AbortSignal) {
    this.signal = signal;
    this.fired = new Promise((resolve) => {
      this.resolve = resolve;
    });
    if (signal.aborted) this.resolve();
    else signal.addEventListener("abort", this, { once: true });
  }

  handleEvent(): void {
    this.resolve();
  }

  [Symbol.dispose](): void {
    this.signal.removeEventListener("abort", this);
  }
}

export interface Expiry extends Disposable {
  readonly signal: AbortSignal;
  /** Time was up before the other signal fired. */
  readonly expired: boolean;
  /** Something came: the time begins anew. */
  renew(): void;
  /** As if time were up, for what has been in vain. */
  expire(): void;
}

/**
 * A signal that fires with the other one, or with `reason` after `ms`; disposed, it keeps neither timer nor listener.
 * AbortSignal.any would: a long-lived signal keeps all that ever came of it.
 */
export function expiring(signal: AbortSignal, ms: number, reason: () => Error = timeIsUp): Expiry {
  const controller = new AbortController();
  let expired = false;
  const abort = () => controller.abort(signal.reason);
  const expire = () => {
    if (controller.signal.aborted) return;
    expired = true;
    controller.abort(reason());
  };
  const arm = () => setTimeout(expire, ms);
  let timer = arm();
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return {
    signal: controller.signal,
    get expired() {
      return expired;
    },
    renew: () => {
      clearTimeout(timer);
      timer = arm();
    },
    expire,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    },
  };
}

function timeIsUp(): Error {
  return new DOMException("Time is up", "TimeoutError");
}

export interface Respite extends Disposable {
  readonly signal: AbortSignal;
}

/** A signal that fires `ms` after the other one, for what is better brought to its end; to be disposed. */
export function outlasting(signal: AbortSignal, ms: number): Respite {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const begin = () => {
    timer = setTimeout(() => controller.abort(signal.reason), ms);
  };
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      if (timer !== null) clearTimeout(timer);
      signal.removeEventListener("abort", begin);
    },
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
