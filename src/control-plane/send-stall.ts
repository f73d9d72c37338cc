/**
 * Watches what waits inside the socket. A peer that is frozen gives no event: the bytes just stay,
 * so they are looked at while there are any.
 */
const WRITE_DEADLINE_MS = 10_000;
const LOOK_EVERY_MS = 200;

export class SendStall {
  private readonly backlogBytes: () => number;
  private readonly onStall: (why: string) => void;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastBytes = 0;
  private progressAt = 0;
  /** The deadline is over; one more look, for a process that was paused itself has not tried since. */
  private overdue = false;

  constructor(backlogBytes: () => number, onStall: (why: string) => void) {
    this.backlogBytes = backlogBytes;
    this.onStall = onStall;
  }

  /** Call after a send; `onProgress` when room was made, for whatever was held back. */
  watch(onProgress: () => void): void {
    const backlog = this.backlogBytes();
    if (backlog === 0 || this.timer !== null) return;
    this.lastBytes = backlog;
    this.progressAt = performance.now();
    this.lookLater(onProgress);
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private lookLater(onProgress: () => void): void {
    this.timer = setTimeout(() => {
      this.timer = null;
      this.look(onProgress);
    }, LOOK_EVERY_MS);
  }

  private look(onProgress: () => void): void {
    const backlog = this.backlogBytes();
    const now = performance.now();
    if (backlog < this.lastBytes) {
      this.progressAt = now;
      this.overdue = false;
      onProgress();
    } else if (this.overdue) {
      this.onStall(`the peer took nothing of what was sent for ${WRITE_DEADLINE_MS / 1000} s`);
      return;
    } else this.overdue = now - this.progressAt >= WRITE_DEADLINE_MS;
    // What was just sent is no sign that the peer takes nothing.
    this.lastBytes = this.backlogBytes();
    if (this.lastBytes > 0 && this.timer === null) this.lookLater(onProgress);
  }
}
