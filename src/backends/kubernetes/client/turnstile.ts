/** Lets so many in at once, first come, first served: a burst of tasks need not open a connection for each. */

export class Turnstile {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  private readonly places: number;

  constructor(places: number) {
    this.places = places;
    this.free = places;
  }

  /** Inside, or waiting to be. */
  get size(): number {
    return this.places - this.free + this.waiting.length;
  }

  /** Resolves with one's place, which is given back when it is disposed. */
  async enter(): Promise<Disposable> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (left) return;
        left = true;
        const next = this.waiting.shift();
        // The place goes from hand to hand, so that nobody slips in between.
        if (next === undefined) this.free++;
        else next();
      },
    };
  }
}
