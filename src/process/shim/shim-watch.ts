/**
 * Lets a shim go on that somebody stopped. An agent runs as the same user: with `kill -STOP $PPID` it would hold up
 * the tasks of the whole worker, which claims them, starts none and hears of no end, until somebody happens to look.
 */
import type { Logger } from "../../logging/logger.ts";
import { readProcess } from "../process-table.ts";

/** What a shim is asked for takes it a millisecond. */
const LOOK_AFTER_MS = 5_000;
/** Of proc_pid_stat(5) and ps(1). Who is looked at by a debugger is in `t`, and left to it. */
const STOPPED = "T";

/** Of a shim whose daemon is dead. */
export function wakeIfStopped(pid: number): void {
  if (readProcess(pid)?.state === STOPPED) wake(pid);
}

function wake(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It was killed in this moment.
  }
}

export interface ShimWatchOptions {
  readonly pid: number;
  /** Names the request that has waited longest for its answer; null: there is none. */
  readonly oldestUnanswered: () => number | null;
  readonly log: Pick<Logger, "warn"> | null;
}

export class ShimWatch implements Disposable {
  private readonly options: ShimWatchOptions;
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** The system tells a parent of children that are stopped, too, and of which only later. */
  private hasChanged = false;
  /** Unanswered at the last look. */
  private waiting: number | null = null;
  private warnedOf: number | null = null;

  constructor(options: ShimWatchOptions) {
    this.options = options;
    process.on("SIGCHLD", this.childChanged);
  }

  [Symbol.dispose](): void {
    process.off("SIGCHLD", this.childChanged);
    if (this.timer !== null) clearTimeout(this.timer);
  }

  /** The shim was asked for something. */
  asked(): void {
    this.timer ??= setTimeout(() => this.look(), LOOK_AFTER_MS);
    this.timer.unref();
  }

  private readonly childChanged = (): void => {
    this.hasChanged = true;
    this.asked();
  };

  private look(): void {
    this.timer = null;
    const oldest = this.options.oldestUnanswered();
    if (oldest !== null || this.hasChanged) this.attend(oldest);
    this.hasChanged = false;
    this.waiting = oldest;
    if (oldest !== null) this.asked();
  }

  private attend(oldest: number | null): void {
    const { pid, log } = this.options;
    const state = pid > 1 ? (readProcess(pid)?.state ?? null) : null;
    if (state === STOPPED) {
      wake(pid);
      log?.warn("the process that supervises the agents was stopped, and is told to go on", { pid, state });
      return;
    }
    // New ones may be on their way at any look.
    if (oldest === null || oldest !== this.waiting || oldest === this.warnedOf) return;
    this.warnedOf = oldest;
    log?.warn("the process that supervises the agents does not answer", { pid, state });
  }
}
