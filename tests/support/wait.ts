/**
 * The only polling place of the tests, for what tells nobody when it changes: files that a child
 * writes, processes that end somewhere else. All that has an event is waited for by that event:
 * `ControlPlane.waitFor…`, `WorkerProcess.waitForLog`, `WorkerProcess.exited`.
 */

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_INTERVAL_MS = 10;

/**
 * The first value of `probe` that is neither undefined, null nor false. A probe that throws is asked
 * again, and its last error is the cause of the one at the deadline.
 * @param what completes the sentence "Waited 15000 ms for …"
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  what: string | (() => string),
  options: EventuallyOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await probe();
      cause = undefined;
      if (isThere(value)) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw lateError(what, timeoutMs, cause);
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? DEFAULT_INTERVAL_MS));
  }
}

/** Settles as `promise` does, or rejects at the deadline: an event that never comes must not hang a test. */
export async function within<T>(
  promise: Promise<T>,
  what: string | (() => string),
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(lateError(what, timeoutMs)), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function lateError(what: string | (() => string), timeoutMs: number, cause?: unknown): Error {
  return new Error(`Waited ${timeoutMs} ms for ${typeof what === "string" ? what : what()}`, { cause });
}

function isThere<T>(value: T): value is Exclude<T, undefined | null | false> {
  return value !== undefined && value !== null && value !== false;
}
