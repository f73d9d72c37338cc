/** That the process is asked to stop, and what it means to be asked once more. */
import { expiring } from "./wait.ts";

export class StopRequest {
  private readonly stopper = new AbortController();
  /** Fires when there has been patience enough; null: nothing is waited for. */
  private patience: AbortController | null = null;
  private urgent = false;
  private unhurried = false;

  /** Fires when it is asked for the first time. */
  get signal(): AbortSignal {
    return this.stopper.signal;
  }

  /** What runs is to end by itself first, however long it takes. Nothing, when it has been asked to stop before. */
  askUnhurried(): void {
    if (this.stopper.signal.aborted) return;
    this.unhurried = true;
    this.stopper.abort();
  }

  /** True until it is asked in earnest. */
  get isUnhurried(): boolean {
    return this.unhurried;
  }

  /** False: it has been asked before, and nothing is waited for that this could cut short. */
  ask(): boolean {
    if (this.unhurried) {
      this.unhurried = false;
      this.patience?.abort();
      return true;
    }
    const next = this.stopper.signal.aborted ? this.patience : this.stopper;
    if (next === null || next.signal.aborted) return false;
    next.abort();
    return true;
  }

  /** True: nothing is to be waited for, and nothing is any more. */
  get isUrgent(): boolean {
    return this.urgent;
  }

  /** For somebody who is gone, and will not see what comes of any waiting. What a stop takes besides goes on. */
  insist(): void {
    this.urgent = true;
    this.unhurried = false;
    this.patience?.abort();
    this.stopper.abort();
  }

  /** Gives `wait` a signal that fires after `ms`, or when the process is asked to stop once more. */
  async patiently(ms: number, wait: (enough: AbortSignal) => Promise<void>): Promise<void> {
    await this.unhurriedly(async (asked) => {
      using limit = expiring(asked, ms);
      await wait(limit.signal);
    });
  }

  /** Gives `wait` a signal that fires when the process is asked to stop once more. */
  async unhurriedly<Result>(wait: (asked: AbortSignal) => Promise<Result>): Promise<Result> {
    const patience = new AbortController();
    this.patience = patience;
    try {
      return await wait(patience.signal);
    } finally {
      this.patience = null;
    }
  }
}
