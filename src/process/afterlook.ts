/**
 * Ends what short tasks left outside of their group. A look at all processes takes longer than such a
 * task runs, so it is not waited for: one look, a moment later, serves all that have ended by then.
 */
import { never } from "../async/wait.ts";
import { BootClock } from "./boot-clock.ts";
import { leftBehind } from "./left-behind.ts";
import { NO_GROUP } from "./process-table.ts";
import { type ProcessTree, stopTree } from "./process-tree.ts";
import type { Mark, Surveyor } from "./stragglers.ts";

const LOOK_AFTER_MS = 500;

export class Afterlook implements AsyncDisposable {
  private readonly surveyor: Surveyor;
  private readonly graceMs: number;
  /** When each ended, in the unit of a process's start. */
  private readonly waiting = new Map<Mark, number>();
  private readonly clock = new BootClock();
  private readonly underway = new Map<Mark, Promise<void>>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(surveyor: Surveyor, graceMs: number) {
    this.surveyor = surveyor;
    this.graceMs = graceMs;
  }

  /** The task with this mark has ended by itself, and its group is empty. */
  add(mark: Mark): void {
    this.waiting.set(mark, this.clock.now());
    this.timer ??= setTimeout(() => this.begin(), LOOK_AFTER_MS);
    this.timer.unref();
  }

  /** A new task has this mark from now on: what an earlier one left is ended before it, or with it. */
  async yieldTo(mark: Mark): Promise<void> {
    this.waiting.delete(mark);
    await this.underway.get(mark);
  }

  /** Does not wait for the moment that is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.waiting.size > 0) this.begin();
    await Promise.all(this.underway.values());
    this.clock[Symbol.dispose]();
  }

  private begin(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const ended = [...this.waiting];
    this.waiting.clear();
    const survey = this.surveyor.survey();
    for (const [mark, endedAt] of ended) {
      const gone = survey
        .then(({ membersOf }) => (membersOf(NO_GROUP, mark).length > 0 ? this.end(mark, endedAt) : undefined))
        // Where nobody can look, nothing is found: the next task is not to fail for that.
        .catch(() => {})
        .finally(() => this.underway.delete(mark));
      this.underway.set(mark, gone);
    }
  }

  private end(mark: Mark, endedAt: number): Promise<void> {
    const tree: ProcessTree = {
      groupId: NO_GROUP,
      mark,
      leaderExited: Promise.resolve(),
      // Another worker on this host may have the task by now: it was reported.
      among: (found) => leftBehind(found, endedAt),
    };
    return stopTree(tree, { surveyor: this.surveyor, graceMs: this.graceMs, hurry: never() });
  }
}
