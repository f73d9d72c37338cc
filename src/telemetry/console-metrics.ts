/** Metrics on standard output, for looking at them once. */
import { ConsoleMetricExporter } from "@opentelemetry/sdk-metrics";
import { openReader, type ReaderOptions } from "./metric-reader.ts";
import type { Pipeline } from "./pipeline.ts";

export function openConsoleMetrics(options: ReaderOptions): Pipeline {
  return openReader(options, new ConsoleMetricExporter(), () => {});
}
