/** The same work asked for by several at once is done once. */

interface Flight<T> {
  readonly work: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

export class SingleFlight<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /**
   * Resolves or rejects with what the one run of `work` for this key does. One who does not want to
   * wait any longer leaves with the reason of its signal; the work is stopped with the last who does.
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
        if (this.flights.get(key) === flight) this.flights.delete(key);
        flight.stop.abort(signal.reason);
      }
    }
  }

  private depart(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const stop = new AbortController();
    const landed = work(stop.signal).finally(() => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    });
    // Everyone may have left before it fails.
    landed.catch(() => {});
    const flight: Flight<T> = { work: landed, stop, waiting: 0 };
    this.flights.set(key, flight);
    return flight;
  }
}
