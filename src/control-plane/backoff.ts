/**
 * Reconnect delays: full jitter, so that a thousand daemons which lost the same server do not come
 * back in the same second.
 */
export const FIRST_BOUND_MS = 1_000;
export const LAST_BOUND_MS = 60_000;
/** A refused key may be replaced at any time, but not every second. */
export const REFUSED_FLOOR_MS = 30_000;

export class Backoff {
  private boundMs = FIRST_BOUND_MS;
  private readonly random: () => number;

  /** `random` in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.random = random;
  }

  /** Anything from 0 to a bound that doubles with each call. */
  next(): number {
    const delay = this.random() * this.boundMs;
    this.boundMs = Math.min(this.boundMs * 2, LAST_BOUND_MS);
    return delay;
  }

  nextAfterRefusal(): number {
    this.boundMs = LAST_BOUND_MS;
    return REFUSED_FLOOR_MS + this.random() * (LAST_BOUND_MS - REFUSED_FLOOR_MS);
  }

  reset(): void {
    this.boundMs = FIRST_BOUND_MS;
  }
}
