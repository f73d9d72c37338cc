/**
 * Keeps the heap small. By itself the runtime collects only when it is about to take more memory, so under
 * a stream of tasks the heap swings up to several times of what is in use, and stays there afterwards.
 */
import { QuietTime } from "../async/quiet-time.ts";
import { collectGarbage } from "./collect.ts";

/** A collection takes some 10 ms: a fiftieth of a millisecond for each task. */
const TASKS_BETWEEN = 500;
/** Long enough that a worker which gets one short task after another is not held up by it. */
const QUIET_MS = 2_000;
/** What the start left goes when it is over, unless a task is there by then. */
const STARTED_MS = 200;

export class HeapKeeper implements Disposable {
  private readonly quiet: QuietTime;
  private readonly collect: () => void;
  private readonly startTimer: ReturnType<typeof setTimeout>;
  private ended = 0;

  /** `activeTasks`: how many run. `collect` is the runtime's own unless told. */
  constructor(activeTasks: () => number, collect = collectGarbage) {
    this.collect = collect;
    this.quiet = new QuietTime({ isQuiet: () => activeTasks() === 0, work: collect, afterMs: QUIET_MS });
    this.startTimer = setTimeout(() => {
      if (activeTasks() === 0) collect();
    }, STARTED_MS);
    this.startTimer.unref();
  }

  readonly taskEnded = (): void => {
    this.ended += 1;
    if (this.ended % TASKS_BETWEEN === 0) this.collect();
    this.quiet.ended();
  };

  [Symbol.dispose](): void {
    clearTimeout(this.startTimer);
    this.quiet[Symbol.dispose]();
  }
}
