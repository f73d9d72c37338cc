/**
 * The bad answers of an engine about a container that may run, since its last good one: when it is believed that it
 * will not tell, or cannot.
 */
import { EngineError } from "./engine/errors.ts";
import { isAway } from "./persist.ts";

/** Of trouble of its own (status 5xx), or of a proxy's. */
const TROUBLE_MS = 5 * 60_000;

export class BadAnswers {
  private readonly mostRefusals: number;
  private refusals = 0;
  /** By the clock of performance.now(); null: it is in none. */
  private troubleSince: number | null = null;

  /** What was refused so often is meant. */
  constructor(mostRefusals: number) {
    this.mostRefusals = mostRefusals;
  }

  /** A good one came. */
  forget(): void {
    this.refusals = 0;
    this.troubleSince = null;
  }

  /** One more; false: what it is the answer to may be asked again. */
  areEnoughWith(error: unknown): boolean {
    if (isAway(error)) {
      // Silence is no trouble: it may have lasted, and the engine is not ready at once when it is over.
      this.troubleSince = null;
      return false;
    }
    if (!(error instanceof EngineError)) return true;
    if (isRefusal(error)) this.refusals += 1;
    this.troubleSince ??= performance.now();
    return this.refusals >= this.mostRefusals || performance.now() - this.troubleSince >= TROUBLE_MS;
  }
}

/** Not of its own trouble, nor of a proxy's. */
function isRefusal({ status, foreign }: EngineError): boolean {
  return status < 500 && !foreign;
}
