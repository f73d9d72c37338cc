/**
 * A lock that is held for as long as a task runs. `docker container prune` takes what was never started, and hosts have
 * it in their crontab: another worker then took the task from a living one, and both reported it.
 */
import { pause } from "../../../async/wait.ts";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import { EngineError, EngineGone } from "../engine/errors.ts";
import type { EngineLock, LockRequest, LockSmith } from "./engine-lock.ts";

/** After an engine's refusal to tell of it, or to make it again, and after a wrong word of its end. */
const RETRY_MS = 10_000;

export interface KeptLockOptions {
  readonly locks: Pick<LockSmith, "whenGone" | "tryTake">;
  readonly request: LockRequest;
  readonly log: Logger;
}

export class KeptLock {
  readonly #options: KeptLockOptions;
  readonly #letGo = new AbortController();
  readonly #keeping: Promise<void>;
  #lock: EngineLock;

  constructor(lock: EngineLock, options: KeptLockOptions) {
    this.#options = options;
    this.#lock = lock;
    this.#keeping = this.#keep(this.#letGo.signal);
  }

  /** As EngineLock's. */
  async release(signal: AbortSignal): Promise<void> {
    this.#letGo.abort();
    await this.#keeping;
    await this.#lock.release(signal);
  }

  /** Never rejects. */
  async #keep(signal: AbortSignal): Promise<void> {
    const { locks, request, log } = this.#options;
    while (!signal.aborted) {
      try {
        await locks.whenGone(this.#lock, signal);
        const again = await locks.tryTake(request, signal);
        if (again === null) {
          log.warn(
            "another worker has taken the lock of a task that was taken over: it may be reported twice",
            {
              lock: request.name,
            },
          );
          return;
        }
        if (again.id === this.#lock.id) await pause(RETRY_MS, signal);
        this.#lock = again;
      } catch (error) {
        if (signal.aborted) return;
        // The client was closed: the worker ends.
        if (!(error instanceof EngineError || error instanceof EngineGone)) return;
        log.debug("lock of a container not made again", { lock: request.name, error: wordsOf(error) });
        await pause(RETRY_MS, signal);
      }
    }
  }
}
