/** That the process is asked to stop, and what it means to be asked once more. */
import { expiring } from "./wait.ts";

export class StopRequest {
  private readonly stopper = new AbortController();
  /** Fires when there has been patience enough; null: nothing is waited for. */
  private patience: AbortController | null = null;
  private urgent = false;

  /** Fires when it is asked for the first time. */
  get signal(): AbortSignal {
    return this.stopper.signal;
  }

  /** False: it has been asked before, and nothing is waited for that this could cut short. */
  ask(): boolean {
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
    this.patience?.abort();
    this.stopper.abort();
  }

  /** Gives `wait` a signal that fires after `ms`, or when the process is asked to stop once more. */
  async patiently(ms: number, wait: (enough: AbortSignal) => Promise<void>): Promise<void> {
    const patience = new AbortController();
    this.patience = patience;
    using limit = expiring(patience.signal, ms);
    try {
      await wait(limit.signal);
    } finally {
      this.patience = null;
    }
  }
}
