/** Whether the event loop turns, and how late it is: a timer that looks at the clock when it fires. */

const BEAT_MS = 1_000;
/** How many beats are remembered: a minute. */
const REMEMBERED = 60;

export class Heartbeat implements Disposable {
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly delaysMs: number[] = [];
  private dueAt = performance.now() + BEAT_MS;

  constructor() {
    this.timer = setInterval(() => this.beat(), BEAT_MS);
    this.timer.unref();
  }

  /** The worst of the last minute, the beat that is late right now included. */
  get delayMs(): number {
    return Math.max(0, ...this.allDelaysMs());
  }

  /** How many beats of the last minute were at least so late, the one that is late right now included. */
  beatsLateBy(ms: number): number {
    return this.allDelaysMs().filter((delayMs) => delayMs >= ms).length;
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
  }

  /** Negative for one that is not due yet. */
  private allDelaysMs(): readonly number[] {
    return [performance.now() - this.dueAt, ...this.delaysMs];
  }

  private beat(): void {
    const now = performance.now();
    this.delaysMs.push(Math.max(0, now - this.dueAt));
    if (this.delaysMs.length > REMEMBERED) this.delaysMs.shift();
    this.dueAt = now + BEAT_MS;
  }
}
