/** Metrics to a collector, by the protocol that was chosen. */
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import type { Logger } from "../logging/logger.ts";
import { ExportTrouble, noCollector } from "./export-trouble.ts";
import { openReader, type ReaderOptions } from "./metric-reader.ts";
import { openSender } from "./open-sender.ts";
import { OtlpExporter } from "./otlp-exporter.ts";
import type { Pipeline } from "./pipeline.ts";

export interface OtlpMetricsOptions extends ReaderOptions {
  readonly log: Logger;
}

/** Rejects when the settings name a file that cannot be read. */
export async function openOtlpMetrics(options: OtlpMetricsOptions): Promise<Pipeline> {
  const { settings, resource, log } = options;
  const { otlp } = settings;
  const sender = await openSender(otlp, "metrics", resource.version, settings.timeoutMs);
  const serializer = otlp.protocol === "http/json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const trouble = new ExportTrouble(log, "metrics", noCollector("OTEL_METRICS_EXPORTER"));
  return openReader(options, new OtlpExporter(serializer, sender, trouble), () => {
    sender.hurry();
    if (!otlp.endpointGiven) trouble.hush();
  });
}
