/** One execution that runs here, and what can be said of it while it does. */
import { HEARD_WITHIN_MS, limitTime } from "../async/time-limit.ts";
import { LONGEST_TIMER_MS } from "../config/duration.ts";
import type { ExecutionRef, Handle } from "../journal/execution.ts";
import { secondsOf } from "../logging/seconds-of.ts";
import { type StepName, type StopReason, TaskStopped } from "./backend.ts";
import type { TaskTrail } from "./observer.ts";

/** A step while it is being done; `starting` before the first, `working` between two. */
export type TaskPhase = "starting" | "working" | StepName | "stopping";

export interface TaskStatus extends ExecutionRef {
  readonly phase: TaskPhase;
  /** Since it was claimed, by an earlier worker perhaps. */
  readonly ageSeconds: number;
  /** What a restart would find it by; ids and paths, no secrets. */
  readonly handle: Handle | null;
}

export class RunningTask {
  readonly ref: ExecutionRef;
  readonly trail: TaskTrail;
  /** Settles when its report is in the journal. Never rejects. */
  ended: Promise<void> = Promise.resolve();
  handle: Handle | null = null;
  /** Its values that no log line may show, until it has ended and nothing more is told of it. */
  readonly hidden: Disposable[] = [];
  /** What goes on after its end; never rejects. */
  lingering: Promise<void> | null = null;
  /** In ms since 1970, by an earlier worker perhaps. */
  readonly claimedAt: number;
  /** Its user does not want it any more, whatever it is stopped for. */
  isCancelled = false;
  private readonly stopper = new AbortController();
  private phase: TaskPhase = "starting";

  constructor(ref: ExecutionRef, trail: TaskTrail, claimedAt: number) {
    this.ref = ref;
    this.trail = trail;
    this.claimedAt = claimedAt;
  }

  get signal(): AbortSignal {
    return this.stopper.signal;
  }

  /** The first reason wins. */
  stop(why: StopReason): void {
    if (why === "cancelled") this.isCancelled = true;
    if (this.stopper.signal.aborted) return;
    this.trail.stopRequested(why);
    this.stopper.abort(new TaskStopped(why));
  }

  /** It has ended. */
  letGo(): void {
    const show = () => {
      for (const values of this.hidden) values[Symbol.dispose]();
    };
    if (this.lingering === null) show();
    else void this.lingering.then(show);
  }

  /** Stops it when it has run for so long, under an earlier worker too, unless disposed of before. Null: no limit. */
  limitTo(durationMs: number | null): Disposable | null {
    if (durationMs === null) return null;
    const leftMs = this.claimedAt + durationMs - Date.now();
    // Of a dead worker's task it has to be found out first how it ended. One that had ended in time, or had not even
    // begun, was once reported as over time, because the time while nobody was there had counted and was up at once.
    const waitMs = Math.max(leftMs, Math.min(durationMs, HEARD_WITHIN_MS));
    return limitTime(Math.min(waitMs, LONGEST_TIMER_MS), () => this.stop("timeout"));
  }

  /** Not async, as those of the trails: for as long as it waits it would hold `work`, and all that came with it. */
  step<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    this.phase = name;
    return this.trail.step(name, work).finally(() => {
      this.phase = "working";
    });
  }

  status(now: number): TaskStatus {
    return {
      ...this.ref,
      phase: this.signal.aborted ? "stopping" : this.phase,
      ageSeconds: Math.max(0, secondsOf(now - this.claimedAt)),
      handle: this.handle,
    };
  }
}
