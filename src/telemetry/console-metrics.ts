/** Metrics on standard output, for looking at them once. */
import { ExportResultCode } from "@opentelemetry/core";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { Logger } from "../logging/logger.ts";
import { ConsoleOutput } from "./console-output.ts";
import { openReader, type ReaderOptions } from "./metric-reader.ts";
import type { Pipeline } from "./pipeline.ts";

export function openConsoleMetrics({ log, ...options }: ReaderOptions & { readonly log: Logger }): Pipeline {
  const { show, drained } = new ConsoleOutput(log);
  const exporter: PushMetricExporter = {
    export({ scopeMetrics }, done) {
      for (const { descriptor, dataPointType, dataPoints } of scopeMetrics.flatMap(
        ({ metrics }) => metrics,
      )) {
        show({ descriptor, dataPointType, dataPoints });
      }
      done({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: drained,
    shutdown: drained,
  };
  return openReader(options, exporter, () => {});
}
