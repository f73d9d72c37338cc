/**
 * Tells the operator of an engine that takes calls and does not answer them, as podman does for good once it waits for its own
 * locks: a task that begins waits for twenty minutes, and nothing else in the log would say so.
 */
import type { Logger } from "../../logging/logger.ts";
import { secondsOf } from "../../logging/seconds-of.ts";
import type { CallWatch, WatchedCall } from "./engine/call-watch.ts";

/** One that hangs is asked again and again. */
const TELL_AGAIN_MS = 10 * 60_000;

export class LateAnswers implements CallWatch {
  readonly #log: Logger;
  /** Of calls that wait. */
  #late = 0;
  /** By the clock of performance.now(); null: not since an answer came as late as that. */
  #toldAt: number | null = null;

  constructor(log: Logger) {
    this.#log = log;
  }

  begin(call: string, usualMs: number): WatchedCall {
    const since = performance.now();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#late += 1;
      this.#tell(call, since);
    }, usualMs);
    timer.unref();
    const end = (answered: boolean) => {
      clearTimeout(timer);
      if (!isLate) return;
      this.#late -= 1;
      if (!answered || this.#late > 0 || this.#toldAt === null) return;
      this.#toldAt = null;
      this.#log.info("engine has answered at last", { call, seconds: secondsOf(performance.now() - since) });
    };
    return { end };
  }

  #tell(call: string, since: number): void {
    const now = performance.now();
    if (this.#toldAt !== null && now - this.#toldAt < TELL_AGAIN_MS) return;
    this.#toldAt = now;
    this.#log.warn("engine takes very long to answer, or hangs: tasks wait for it", {
      call,
      seconds: secondsOf(now - since),
      hint: "if it does not list its containers either, look at its log and restart it; the worker then goes on by itself",
    });
  }
}
