/** What has to be looked at now and then: tasks of dead workers, volumes that nobody uses, what would not go. */
import { pause } from "../../async/wait.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { Disposal } from "./disposal.ts";
import { type Adopt, type Orphans, RETURN_MS } from "./orphans.ts";
import { collectGarbage, type GarbageOptions } from "./sidecars/garbage.ts";

export interface UpkeepOptions {
  readonly orphans: Orphans;
  readonly disposal: Disposal;
  readonly garbage: GarbageOptions;
  readonly log: Logger;
}

/** The death of a process on this host is no event of the engine. */
const PERIOD_MS = 60_000;
const SHORTEST_PERIOD_MS = 1_000;

export class Upkeep {
  private readonly options: UpkeepOptions;

  constructor(options: UpkeepOptions) {
    this.options = options;
  }

  /** Until the signal fires. Never rejects. */
  async run(adopt: Adopt, signal: AbortSignal): Promise<void> {
    const { maxAgeMs } = this.options.garbage;
    const periodMs = Math.max(SHORTEST_PERIOD_MS, Math.min(PERIOD_MS, maxAgeMs ?? PERIOD_MS));
    let patienceMs = 0;
    while (!signal.aborted) {
      if (await this.turn(adopt, patienceMs, signal)) patienceMs = RETURN_MS;
      await pause(periodMs, signal);
    }
  }

  /** False when the engine did not let the look at dead workers' tasks come to its end. */
  private async turn(adopt: Adopt, patienceMs: number, signal: AbortSignal): Promise<boolean> {
    const { orphans, disposal, garbage } = this.options;
    const looked = await this.attempt(() => orphans.look(adopt, patienceMs, signal), signal);
    if (looked) await this.attempt(() => collectGarbage(garbage, Date.now(), signal), signal);
    // Last, and each by itself: what the engine does not let go of may hang.
    await this.attempt(() => orphans.clearSpent(signal), signal);
    await this.attempt(() => disposal.tryAgain(signal), signal);
    return looked;
  }

  private async attempt(work: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!signal.aborted) this.options.log.debug("upkeep of the engine put off", { error: wordsOf(error) });
      return false;
    }
  }
}
