/**
 * Ends what short tasks left outside of their group. A look at all processes takes longer than such a
 * task runs, so it is not waited for: one look, a moment later, serves all that have ended by then.
 */
import { never } from "../async/wait.ts";
import { NO_GROUP } from "./process-table.ts";
import { type ProcessTree, stopTree } from "./process-tree.ts";
import type { Mark, Surveyor } from "./stragglers.ts";

const LOOK_AFTER_MS = 500;

export class Afterlook implements AsyncDisposable {
  private readonly surveyor: Surveyor;
  private readonly graceMs: number;
  private readonly waiting = new Set<Mark>();
  private readonly underway = new Map<Mark, Promise<void>>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(surveyor: Surveyor, graceMs: number) {
    this.surveyor = surveyor;
    this.graceMs = graceMs;
  }

  /** The task with this mark has ended by itself, and its group is empty. */
  add(mark: Mark): void {
    this.waiting.add(mark);
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
  }

  private begin(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const marks = [...this.waiting];
    this.waiting.clear();
    const survey = this.surveyor.survey();
    for (const mark of marks) {
      const ended = survey
        .then(({ membersOf }) => (membersOf(NO_GROUP, mark).length > 0 ? this.end(mark) : undefined))
        .finally(() => this.underway.delete(mark));
      this.underway.set(mark, ended);
    }
  }

  private end(mark: Mark): Promise<void> {
    const tree: ProcessTree = { groupId: NO_GROUP, mark, leaderExited: Promise.resolve() };
    return stopTree(tree, { surveyor: this.surveyor, graceMs: this.graceMs, hurry: never() });
  }
}
