/** Connect errors in the log: the first of an outage, then one now and then with a count. */
import type { Fields, Logger } from "../logging/logger.ts";

const REMIND_EVERY_MS = 5 * 60_000;

export class OutageLog {
  private readonly log: Logger;
  private failures = 0;
  private since = 0;
  private saidAt = 0;

  constructor(log: Logger) {
    this.log = log;
  }

  failed(message: string, fields: Fields): void {
    // Not the time of day: set back by a day, it would hold back every reminder of that day.
    const now = performance.now();
    this.failures += 1;
    if (this.failures === 1) this.since = now;
    const due = this.failures === 1 || now - this.saidAt >= REMIND_EVERY_MS;
    if (due) this.saidAt = now;
    this.log[due ? "warn" : "debug"](message, { ...fields, attempts: this.failures });
  }

  recovered(): Fields {
    if (this.failures === 0) return {};
    const fields = {
      afterAttempts: this.failures,
      outageSeconds: Math.round((performance.now() - this.since) / 1000),
    };
    this.failures = 0;
    return fields;
  }
}
