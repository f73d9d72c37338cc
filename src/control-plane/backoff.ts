/** Reconnect delays. */
import { Backoff } from "../async/backoff.ts";

export const FIRST_BOUND_MS = 1_000;
const LAST_BOUND_MS = 60_000;
/** A refused key may be replaced at any time, but not every second. */
const REFUSED_FLOOR_MS = 30_000;

export class ReconnectBackoff extends Backoff {
  constructor(random?: () => number) {
    super({ firstMs: FIRST_BOUND_MS, lastMs: LAST_BOUND_MS }, random);
  }

  nextAfterRefusal(): number {
    this.boundMs = LAST_BOUND_MS;
    return REFUSED_FLOOR_MS + this.random() * (LAST_BOUND_MS - REFUSED_FLOOR_MS);
  }
}
