/**
 * When a worker leaves by itself: after so many tasks, or without any for so long, as those do that an autoscaler
 * starts for one task. Never before all that it owes was read: its state folder may go with its machine.
 */
import type { Settings } from "../config/settings.ts";
import type { Logger } from "../logging/logger.ts";
import type { Admission } from "./admission.ts";

export interface RetiringParts {
  /** Tasks that are held here, and messages that are not proven to be read. */
  readonly owed: () => number;
  readonly admission: Pick<Admission, "closeToAssignments" | "close">;
}

export class Retirement implements Disposable {
  /** Resolves when the worker may leave. */
  readonly reached: Promise<null>;
  private readonly settings: Pick<Settings, "maxTasks" | "exitAfterIdleMs">;
  private readonly log: Logger;
  private readonly resolve: () => void;
  private parts: RetiringParts | null = null;
  private begun = 0;
  private isLast = false;
  private idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(settings: Pick<Settings, "maxTasks" | "exitAfterIdleMs">, log: Logger) {
    this.settings = settings;
    this.log = log;
    const { promise, resolve } = Promise.withResolvers<null>();
    this.reached = promise;
    this.resolve = () => resolve(null);
  }

  /** From now on tasks come. */
  open(parts: RetiringParts): void {
    this.parts = parts;
    this.owesLess();
  }

  /** Of an earlier worker, too: it is one more that has its end here. */
  taskBegun(): void {
    clearTimeout(this.idleTimer);
    this.idleTimer = undefined;
    this.begun += 1;
    const { maxTasks } = this.settings;
    if (this.isLast || maxTasks === 0 || this.begun < maxTasks) return;
    this.isLast = true;
    this.log.info("taking no more tasks: max_tasks is reached; leaving when all have ended", { maxTasks });
    this.parts?.admission.closeToAssignments();
  }

  /** A task has ended, or a message was read. */
  owesLess(): void {
    if (this.parts === null || this.parts.owed() > 0) return;
    if (this.isLast) this.leave();
    else if (this.settings.exitAfterIdleMs > 0) this.idleTimer ??= this.startIdleTimer();
  }

  private startIdleTimer(): ReturnType<typeof setTimeout> {
    const { exitAfterIdleMs } = this.settings;
    return setTimeout(() => {
      this.idleTimer = undefined;
      // Once that is less, the time begins anew.
      if (this.parts === null || this.parts.owed() > 0) return;
      this.log.info("leaving: there was no task for exit_after_idle", { seconds: exitAfterIdleMs / 1_000 });
      this.leave();
    }, exitAfterIdleMs);
  }

  private leave(): void {
    this.parts?.admission.close();
    this.resolve();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.idleTimer);
  }
}
