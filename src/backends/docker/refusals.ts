/** What the engine refuses for one of many things is put off, told once, and does not keep the others from being seen. */
import type { Fields, Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import { EngineError } from "./engine/errors.ts";

export class Refusals {
  private readonly log: Logger;
  /** Ids of containers, and names of volumes. */
  private readonly told = new Set<string>();

  constructor(log: Logger) {
    this.log = log;
  }

  /** Throws whatever is no refusal, as when the engine is gone. */
  async puttingOff(key: string, fields: Fields, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (this.told.has(key)) return;
      this.told.add(key);
      const what = "cannot take care of what a dead worker left: trying again now and then";
      this.log.warn(what, { ...fields, error: wordsOf(error) });
    }
  }

  forgetAllBut(isPresent: (key: string) => boolean): void {
    for (const key of this.told) if (!isPresent(key)) this.told.delete(key);
  }
}
