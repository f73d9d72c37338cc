/**
 * Tells the operator of an engine that says nothing of the containers that tasks wait for: they are waited for
 * without end, and nothing else in the log would say so.
 */
import type { Logger } from "../../logging/logger.ts";
import { secondsOf } from "../../logging/seconds-of.ts";
import { wordsOf } from "../../logging/words-of.ts";

/** An engine that is restarted is back before. */
const TELL_MS = 30_000;

export class Silence {
  private readonly log: Logger;
  /** By the clock of performance.now(); null: it answers. */
  private since: number | null = null;
  private told = false;

  constructor(log: Logger) {
    this.log = log;
  }

  /** A look at a container that brought nothing; it began at `lookedAt`, by the clock of performance.now(). */
  goesOn(error: unknown, lookedAt: number): void {
    const now = performance.now();
    this.since ??= lookedAt;
    if (this.told || now - this.since < TELL_MS) return;
    this.told = true;
    this.log.warn("engine does not tell how the containers of running tasks are: waiting for it", {
      seconds: secondsOf(now - this.since),
      error: wordsOf(error),
      hint: "tasks are reported once it does; those that are cancelled end then, too",
    });
  }

  /** One that did. */
  isOver(): void {
    if (this.told && this.since !== null)
      this.log.info("engine tells again how containers are", {
        seconds: secondsOf(performance.now() - this.since),
      });
    this.forget();
  }

  /** Nobody waits any more: what comes much later is another silence. */
  forget(): void {
    this.since = null;
    this.told = false;
  }
}
