/** Delays between tries: full jitter, so that a thousand clients that lost one server do not come back at once. */

export interface BackoffBounds {
  readonly firstMs: number;
  readonly lastMs: number;
}

export class Backoff {
  protected boundMs: number;
  protected readonly random: () => number;
  private readonly bounds: BackoffBounds;

  /** `random` in [0, 1). */
  constructor(bounds: BackoffBounds, random: () => number = Math.random) {
    this.bounds = bounds;
    this.boundMs = bounds.firstMs;
    this.random = random;
  }

  /** Anything from 0 to a bound that doubles with each call. */
  next(): number {
    const delay = this.random() * this.boundMs;
    this.boundMs = Math.min(this.boundMs * 2, this.bounds.lastMs);
    return delay;
  }

  reset(): void {
    this.boundMs = this.bounds.firstMs;
  }
}
