/** Several pieces of work that make sense only together. */

/**
 * Resolves with what all resolve to. When one fails the others' signal fires, and once all have come
 * to rest the first failure is thrown: nothing goes on behind the caller's back.
 */
export async function together<A, B>(
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
  signal: AbortSignal,
): Promise<[A, B]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const watched = <T>(work: Promise<T>): Promise<T> => {
    work.catch((error: unknown) => stop.abort(error));
    return work;
  };
  const works = [watched(first(either)), watched(second(either))] as const;
  await Promise.allSettled(works);
  signal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
  return Promise.all(works);
}
