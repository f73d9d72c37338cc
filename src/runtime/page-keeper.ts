/**
 * Gives back the pages of the executable that nobody uses for now. Starting a task runs through some
 * 30 MB of it; while the agent then works, for minutes or hours, the worker needs a third of that.
 */
import { type OwnPages, openOwnPages } from "./own-pages.ts";

/** The start is over: what it alone used goes first. */
const STARTED_MS = 250;
/** What tasks began with is done when none has begun or ended for so long. */
const RUNNING_LULL_MS = 500;
/** Without a task the next one may come at any moment, and would want all of it. */
const IDLE_LULL_MS = 60_000;
/** Some milliseconds are lost each time, so not after every one of many short tasks beside a long one. */
const INTERVAL_MS = 10_000;

export class PageKeeper implements Disposable {
  private readonly activeTasks: () => number;
  private readonly open: () => OwnPages | null;
  /** Undefined until it was asked for; null: it cannot be done here. */
  private pages: OwnPages | null | undefined;
  private isStart = true;
  private changedAt = performance.now();
  private gaveBackAt = Number.NEGATIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private dueAt = 0;
  private isOver = false;

  /** `activeTasks`: how many run. `open` is asked when there is something to give back for the first time. */
  constructor(activeTasks: () => number, open = openOwnPages) {
    this.activeTasks = activeTasks;
    this.open = open;
    this.lookAt(this.changedAt + STARTED_MS);
  }

  /** A task has begun or ended. */
  readonly changed = (): void => {
    this.changedAt = performance.now();
    const wanted = this.changedAt + RUNNING_LULL_MS;
    if (this.timer === null || this.dueAt > wanted) this.lookAt(wanted);
  };

  [Symbol.dispose](): void {
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private lookAt(when: number): void {
    if (this.isOver) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.dueAt = when;
    this.timer = setTimeout(() => this.look(), Math.max(0, when - performance.now()));
    this.timer.unref();
  }

  private look(): void {
    this.timer = null;
    if (this.isStart) {
      this.isStart = false;
      this.own()?.giveBackStart();
    }
    const lullMs = this.activeTasks() > 0 ? RUNNING_LULL_MS : IDLE_LULL_MS;
    const wanted = Math.max(this.changedAt + lullMs, this.gaveBackAt + INTERVAL_MS);
    // A timer may be early by a fraction of a millisecond.
    if (wanted > performance.now() + 1) this.lookAt(wanted);
    else this.give();
  }

  private give(): void {
    this.own()?.giveBackAll();
    this.gaveBackAt = performance.now();
  }

  private own(): OwnPages | null {
    if (this.pages === undefined) this.pages = this.open();
    return this.pages;
  }
}
