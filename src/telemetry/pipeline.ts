/** A way out for metrics or traces that is open. */
import type { MetricReader } from "@opentelemetry/sdk-metrics";

export interface Pipeline {
  /** Sends what is left and lets go; bounded by whoever waits. Never rejects. */
  close(): Promise<void>;
}

export const CLOSED: Pipeline = { close: async () => {} };

export interface OpenReader {
  readonly reader: MetricReader;
  /** The worker stops: what is sent is tried once from now on. */
  hurry(): void;
}
