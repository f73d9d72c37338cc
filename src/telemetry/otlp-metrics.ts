/** Metrics to a collector, by the protocol that was chosen. */
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import type { Logger } from "../logging/logger.ts";
import { ExportTrouble } from "./export-trouble.ts";
import { openReader, type ReaderOptions } from "./metric-reader.ts";
import { OtlpExporter } from "./otlp-exporter.ts";
import { OtlpSender } from "./otlp-sender.ts";
import type { Pipeline } from "./pipeline.ts";
import { WatchedExporter } from "./watched-exporter.ts";

const NO_COLLECTOR = "set OTEL_EXPORTER_OTLP_ENDPOINT to a collector, or OTEL_METRICS_EXPORTER=none";

export interface OtlpMetricsOptions extends ReaderOptions {
  readonly log: Logger;
}

/** Rejects when the settings name a file that cannot be read. */
export async function openOtlpMetrics(options: OtlpMetricsOptions): Promise<Pipeline> {
  const { otlp } = options.settings;
  const trouble = new ExportTrouble(options.log, "metrics", NO_COLLECTOR);
  if (otlp.protocol === "grpc") {
    const { grpcMetricExporter, listenToGrpc } = await import("./otlp-grpc.ts");
    listenToGrpc(options.log, trouble);
    return openReader(options, new WatchedExporter(grpcMetricExporter(otlp), trouble), () => {});
  }
  const serializer = otlp.protocol === "http/json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const sender = new OtlpSender(otlp, `oz-agent-worker/${options.resource.version}`);
  return openReader(options, new OtlpExporter(serializer, sender, trouble), () => sender.hurry());
}
