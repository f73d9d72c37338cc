/** What the engine refuses for one of many things is put off, told once, and does not keep the others from being seen. */
import type { Fields, Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { EngineError } from "./engine/errors.ts";

export class Refusals {
  private readonly log: Logger;
  private readonly what: string;
  /** Ids of containers, and names of volumes. */
  private readonly told = new Set<string>();

  /** `what` could not be done, in words for the log. */
  constructor(log: Logger, what: string) {
    this.log = log;
    this.what = what;
  }

  /** Throws whatever is no refusal, as when the engine is gone. */
  async puttingOff(key: string, fields: Fields, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (this.told.has(key)) return;
      this.told.add(key);
      this.log.warn(`${this.what}: trying again now and then`, { ...fields, error: wordsOf(error) });
    }
  }

  forgetAllBut(isPresent: (key: string) => boolean): void {
    for (const key of this.told) if (!isPresent(key)) this.told.delete(key);
  }
}
