/** The time in the unit of a process's start: when the kernel noted that is its own clock, and no other will do. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { openBootSeconds } from "../runtime/boot-seconds.ts";

/** Linux counts in hundredths of a second since the boot on all machines that this program is built for. */
const TICKS_PER_SECOND = 100;
const PROC = "/proc";
const ANSWER_BYTES = 64;

interface Source extends Disposable {
  /** Since the boot. */
  seconds(): number;
}

/** For who asks often: what it asks is opened once. */
export class BootClock implements Disposable {
  /** Null until it was asked for. */
  private source: Source | null = null;

  /**
   * This moment in the unit of `startedAt`; before any process where that cannot be told. Never throws: who asks at a
   * task's end has its result in hand, and one was reported as failed because /proc could not be read for once.
   */
  now(): number {
    try {
      this.source ??= openUptime() ?? askKernel();
      return Math.floor(this.source.seconds() * TICKS_PER_SECOND);
    } catch {
      return Number.NEGATIVE_INFINITY;
    }
  }

  [Symbol.dispose](): void {
    this.source?.[Symbol.dispose]();
    this.source = null;
  }
}

/** As `now` of a clock that is let go of at once. */
export function startedAtNow(): number {
  using clock = new BootClock();
  return clock.now();
}

/**
 * Null: it is not there (a service with ProcSubset=pid), or not the kernel's. In a container of LXC something lies over
 * it (lxcfs), and it counts from the container's own start, while the starts of processes are the kernel's: by it
 * everything had been started after whatever ended now.
 */
function openUptime(): Source | null {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(`${PROC}/uptime`, "r");
    if (fstatSync(descriptor).dev === statSync(PROC).dev) return uptimeIn(descriptor);
  } catch {
    // There is another way.
  }
  if (descriptor !== null) closeSync(descriptor);
  return null;
}

/** Linux, proc_uptime(5): seconds since the boot come first. */
function uptimeIn(descriptor: number): Source {
  const answer = Buffer.alloc(ANSWER_BYTES);
  return {
    seconds: () => {
      const bytes = readSync(descriptor, answer, 0, ANSWER_BYTES, 0);
      return Number.parseFloat(answer.toString("latin1", 0, bytes));
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

function askKernel(): Source {
  const seconds = process.platform === "linux" ? openBootSeconds() : null;
  return { seconds: seconds ?? (() => Number.NEGATIVE_INFINITY), [Symbol.dispose]: () => {} };
}
