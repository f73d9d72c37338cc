/** What goes wrong with exporting: one warning, then silence with a count, until it works again. */
import type { Logger } from "../logging/logger.ts";

/** A collector may answer with anything, at any length. */
const LONGEST_WHY = 300;

/** One protocol sent to the other's port is the commonest mistake, and neither side says so. */
export function noCollector(exporter: "OTEL_METRICS_EXPORTER" | "OTEL_TRACES_EXPORTER"): string {
  return `set OTEL_EXPORTER_OTLP_ENDPOINT to a collector, whose port is mostly 4318, or 4317 with OTEL_EXPORTER_OTLP_PROTOCOL=grpc; or set ${exporter}=none`;
}

export const PROMETHEUS_HINT =
  "set OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT to an address of this host that is free";

export class ExportTrouble {
  private readonly log: Logger;
  private readonly what: "metrics" | "traces";
  private readonly hint: string;
  private failures = 0;
  private since = 0;
  private warned = false;
  /** What was said once and is not said again. */
  private readonly told = new Set<string>();
  private hushed = false;

  constructor(log: Logger, what: "metrics" | "traces", hint: string) {
    this.log = log;
    this.what = what;
    this.hint = hint;
  }

  get count(): number {
    return this.failures;
  }

  failed(why: string): void {
    this.failures += 1;
    if (this.failures === 1) this.since = performance.now();
    const fields = { why: why.slice(0, LONGEST_WHY), failures: this.failures };
    if (this.warned || this.hushed) {
      this.log.debug(`${this.what} could not be exported`, fields);
      return;
    }
    this.warned = true;
    this.log.warn(`${this.what} could not be exported; nothing more is said until that works`, {
      ...fields,
      hint: this.hint,
    });
  }

  /** From now on a first failure is no news: nobody said that there is a collector, and the worker stops. */
  hush(): void {
    this.hushed = true;
  }

  succeeded(): void {
    if (this.failures === 0) return;
    const seconds = Math.round((performance.now() - this.since) / 1_000);
    // One that fails now and then is not worth a line each time: what was warned of once stays warned of.
    const wasOutage = this.failures > 1;
    const say = wasOutage ? this.log.info : this.log.debug;
    say(`${this.what} are exported again`, { afterFailures: this.failures, outageSeconds: seconds });
    // That works, so the next outage is news.
    if (wasOutage) this.warned = false;
    this.failures = 0;
  }

  /** It took some and not all. */
  tookInPart(why: string): void {
    this.tellOnce(`the collector refused some of the ${this.what}; nothing more is said of it`, why);
  }

  /** It took all, and said something beside: that a field is outdated, that a limit is near. */
  tookWithWords(why: string): void {
    this.tellOnce(`the collector took the ${this.what} with a remark; nothing more is said of it`, why);
  }

  /** The worker stops: what was silent is told in one figure. */
  stopped(): void {
    if (this.failures > 1) {
      this.log.info(`${this.what} could not be exported to the end`, { failures: this.failures });
    }
  }

  private tellOnce(words: string, why: string): void {
    const say = this.told.has(words) ? this.log.debug : this.log.warn;
    this.told.add(words);
    say(words, { why: why.slice(0, LONGEST_WHY) });
  }
}
