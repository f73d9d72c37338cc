/** The time in the unit of a process's start: when the kernel noted that is its own clock, and no other will do. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { type BootSeconds, openBootSeconds } from "../runtime/boot-seconds.ts";

/** Linux counts in hundredths of a second since the boot on all machines that this program is built for. */
const TICKS_PER_SECOND = 100;
const PROC = "/proc";
const ANSWER_BYTES = 64;

/** For who asks often: what it asks is opened once. */
export class BootClock implements Disposable {
  /** Null until it was asked for. */
  private descriptor: number | null = null;
  private readonly answer = Buffer.alloc(ANSWER_BYTES);
  private kernel: BootSeconds | null = null;

  /** This moment in the unit of `startedAt`; before any process where that cannot be told. */
  now(): number {
    try {
      if (this.descriptor === null) this.open();
      return Math.floor((this.kernel?.() ?? this.uptime()) * TICKS_PER_SECOND);
    } catch {
      return Number.NEGATIVE_INFINITY;
    }
  }

  [Symbol.dispose](): void {
    if (this.descriptor !== null) closeSync(this.descriptor);
    this.descriptor = null;
  }

  /**
   * In a container of LXC something lies over this file (lxcfs), and it counts from the container's own start,
   * while the starts of processes are the kernel's: by it everything had been started after whatever ended now.
   */
  private open(): void {
    this.descriptor = openSync(`${PROC}/uptime`, "r");
    const isOver = fstatSync(this.descriptor).dev !== statSync(PROC).dev;
    this.kernel = isOver ? openBootSeconds() : null;
  }

  /** Linux, proc_uptime(5): seconds since the boot come first. */
  private uptime(): number {
    const bytes = readSync(Number(this.descriptor), this.answer, 0, ANSWER_BYTES, 0);
    return Number.parseFloat(this.answer.toString("latin1", 0, bytes));
  }
}

/** As `now` of a clock that is let go of at once. */
export function startedAtNow(): number {
  using clock = new BootClock();
  return clock.now();
}
