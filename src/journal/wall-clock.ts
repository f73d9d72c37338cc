/**
 * Notices that the wall's clock was set: by hand, or on a machine without one of its own once it has learned the time. The
 * journal has no other, for any that counts the time itself begins anew with the machine or stands while that sleeps.
 */

/** Smaller steps than this make no difference to what is told by it. */
const LEAST_JUMP_MS = 60_000;

export interface Jump {
  /** Negative: back. */
  readonly byMs: number;
  /** What it told last, in ms since 1970. */
  readonly fromMs: number;
}

export class WallClock {
  private wall = Date.now();
  private steady = performance.now();

  /** Since it was last asked; null: it went on with the time. Time that the machine slept is a jump. */
  takeJump(): Jump | null {
    const wall = Date.now();
    const steady = performance.now();
    const fromMs = this.wall + (steady - this.steady);
    this.wall = wall;
    this.steady = steady;
    const byMs = wall - fromMs;
    return Math.abs(byMs) < LEAST_JUMP_MS ? null : { byMs: Math.round(byMs), fromMs: Math.round(fromMs) };
  }
}
