/** Metrics on standard output, for looking at them once. */
import {
  ConsoleMetricExporter,
  type MetricReader,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import type { MetricsSettings } from "../config/telemetry.ts";

export function openConsoleReader({ intervalMs, timeoutMs }: MetricsSettings): MetricReader {
  return new PeriodicExportingMetricReader({
    exporter: new ConsoleMetricExporter(),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMs,
  });
}
