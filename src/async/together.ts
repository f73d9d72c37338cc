/** Several pieces of work that make sense only together. */

type Work<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Resolves with what all resolve to. When one fails the others' signal fires, and once all have come
 * to rest the first failure is thrown: nothing goes on behind the caller's back.
 */
export async function together<A, B>(first: Work<A>, second: Work<B>, signal: AbortSignal): Promise<[A, B]> {
  const group = new Group(signal);
  const works = [group.begin(first), group.begin(second)] as const;
  await group.rest(works);
  return Promise.all(works);
}

/** As `together`, of any number. */
export async function allTogether<T>(works: readonly Work<T>[], signal: AbortSignal): Promise<T[]> {
  const group = new Group(signal);
  const begun = works.map((work) => group.begin(work));
  await group.rest(begun);
  return Promise.all(begun);
}

class Group {
  private readonly outer: AbortSignal;
  private readonly stop = new AbortController();
  private readonly either: AbortSignal;

  constructor(signal: AbortSignal) {
    this.outer = signal;
    this.either = AbortSignal.any([signal, this.stop.signal]);
  }

  begin<T>(work: Work<T>): Promise<T> {
    const begun = work(this.either);
    begun.catch((error: unknown) => this.stop.abort(error));
    return begun;
  }

  /** Throws the outer signal's reason, else the first failure. */
  async rest(works: readonly Promise<unknown>[]): Promise<void> {
    await Promise.allSettled(works);
    this.outer.throwIfAborted();
    if (this.stop.signal.aborted) throw this.stop.signal.reason;
  }
}
