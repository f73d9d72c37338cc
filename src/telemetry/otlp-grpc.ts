/**
 * OTLP over gRPC, by the SDK's own exporters. They read certificates and headers from the
 * environment themselves; what else was set is passed on. Heavy, and loaded by nobody else.
 */
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import type { ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { OtlpSettings } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import type { ExportTrouble } from "./export-trouble.ts";
import type { Exporter } from "./watched-exporter.ts";

export function grpcMetricExporter(settings: OtlpSettings): Exporter<ResourceMetrics> {
  return new OTLPMetricExporter(options(settings));
}

export function grpcSpanExporter(settings: OtlpSettings): Exporter<ReadableSpan[]> {
  return new OTLPTraceExporter(options(settings));
}

function options({ endpoint, timeoutMs }: OtlpSettings) {
  return { url: endpoint, timeoutMillis: timeoutMs };
}

/** What these exporters have to say beside their results: a certificate that cannot be read, a partial success. */
export function listenToGrpc(log: Logger, trouble: ExportTrouble): void {
  const said = new Set<string>();
  const warn = (message: string, ...rest: unknown[]) => {
    const why = [message, ...rest.filter((each) => typeof each === "string")].join(" ");
    if (/partial success/i.test(why)) trouble.tookInPart(why);
    else if (!said.has(why) && said.size < MOST_WARNINGS) {
      said.add(why);
      log.warn("OpenTelemetry warns", { why });
    }
  };
  // Failures are told by the results.
  const nothing = () => {};
  diag.setLogger(
    { error: nothing, warn, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

const MOST_WARNINGS = 10;
