/** The same work asked for by several at once is done once. */

interface Flight<T> {
  readonly work: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

export class SingleFlight<T> {
  private readonly flights = new Map<string, Flight<T>>();
  /** Left by all, and not yet at rest. */
  private readonly landing = new Map<string, Promise<unknown>>();

  /**
   * Resolves or rejects with what the one run of `work` for this key does. One who does not want to
   * wait any longer leaves with the reason of its signal; the work is stopped with the last who does,
   * and who asks then waits until it has come to rest: it may be putting away what the next one needs.
   */
  async run(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const flight = this.flights.get(key) ?? this.depart(key, work);
    flight.waiting += 1;
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([flight.work, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        // Who asks from now on must not get the end of work that is being stopped.
        if (this.flights.get(key) === flight) this.land(key, flight);
        flight.stop.abort(signal.reason);
      }
    }
  }

  /** Resolves once no stopped work for this key is on its way to rest any more. Never rejects. */
  async atRest(key: string): Promise<void> {
    await this.landing.get(key);
  }

  private depart(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const stop = new AbortController();
    const flight: Flight<T> = { work: this.fly(key, work, stop.signal), stop, waiting: 0 };
    const end = () => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    };
    // Everyone may have left before it fails.
    flight.work.then(end, end);
    this.flights.set(key, flight);
    return flight;
  }

  private async fly(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const earlier = this.landing.get(key);
    if (earlier !== undefined) await earlier;
    signal.throwIfAborted();
    return work(signal);
  }

  private land(key: string, { work }: Flight<T>): void {
    this.flights.delete(key);
    const landed: Promise<void> = work
      .then(
        () => {},
        () => {},
      )
      .then(() => {
        if (this.landing.get(key) === landed) this.landing.delete(key);
      });
    this.landing.set(key, landed);
  }
}
