/** Lets so many in at once, first come, first served: a burst of tasks need not open a connection for each. */

export class Turnstile {
  private free: number;
  /** Each is called when its turn has come; in the order in which they came. */
  private readonly waiting = new Set<() => void>();

  private readonly places: number;

  constructor(places: number) {
    this.places = places;
    this.free = places;
  }

  /** Inside, or waiting to be. */
  get size(): number {
    return this.places - this.free + this.waiting.size;
  }

  /**
   * Resolves with one's place, which is given back when it is disposed. Rejects with the signal's reason: who is called
   * away does not wait for those before him, of which each may take half a minute.
   */
  async enter(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.free > 0) this.free--;
    else await this.turn(signal);
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        const [next] = this.waiting;
        // The place goes from hand to hand, so that nobody slips in between.
        if (next === undefined) this.free++;
        else next();
      },
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        this.waiting.delete(come);
        signal.removeEventListener("abort", leave);
        how();
      };
      const come = () => settle(resolve);
      const leave = () => settle(() => reject(signal.reason));
      signal.addEventListener("abort", leave, { once: true });
      this.waiting.add(come);
    });
  }
}
