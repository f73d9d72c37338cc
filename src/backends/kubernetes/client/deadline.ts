/** A signal that fires with another, or when time is up; lets go of the other when disposed. */

export class Deadline implements Disposable {
  /** Fired because time was up, not because the other signal did. */
  expired = false;
  private readonly controller = new AbortController();
  private readonly timer: ReturnType<typeof setTimeout> | null;
  private readonly follow = () => this.controller.abort(this.other.reason);
  private readonly other: AbortSignal;

  /** `ms` null: only the other. Not AbortSignal.any: a long-lived signal would keep what came of it. */
  constructor(other: AbortSignal, ms: number | null) {
    this.other = other;
    if (other.aborted) this.follow();
    else other.addEventListener("abort", this.follow, { once: true });
    this.timer = ms === null ? null : setTimeout(() => this.expire(), ms);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** For its owner too: the wait has been in vain. */
  expire(): void {
    this.expired = true;
    this.controller.abort();
  }

  [Symbol.dispose](): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.other.removeEventListener("abort", this.follow);
  }
}
