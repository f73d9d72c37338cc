/** Pieces of work that must not run beside each other. */
import { firing } from "./wait.ts";

export class Sequence {
  private last: Promise<void> = Promise.resolve();

  /**
   * Resolves or rejects with what `work` does, which begins once all that was asked for earlier has come to rest. Who
   * does not want to wait any longer leaves with the reason of its signal; work that has begun is not interrupted.
   */
  async next<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const earlier = this.last;
    const { promise: rested, resolve: rest } = Promise.withResolvers<void>();
    // Who leaves early does not let the next one in before its turn.
    this.last = earlier.then(() => rested);
    try {
      using leave = firing(signal);
      await Promise.race([earlier, leave.fired]);
      signal.throwIfAborted();
      return await work();
    } finally {
      rest();
    }
  }
}
