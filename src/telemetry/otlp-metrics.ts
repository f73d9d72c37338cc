/** Metrics to a collector, by the protocol that was chosen. */
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from "@opentelemetry/otlp-transformer";
import {
  AggregationTemporality,
  InstrumentType,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { MetricsSettings, OtlpSettings, Temporality } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import { ExportTrouble } from "./export-trouble.ts";
import { OtlpExporter } from "./otlp-exporter.ts";
import { OtlpSender } from "./otlp-sender.ts";
import type { OpenReader } from "./pipeline.ts";
import { type Exporter, WatchedExporter } from "./watched-exporter.ts";

const NO_COLLECTOR = "set OTEL_EXPORTER_OTLP_ENDPOINT to a collector, or OTEL_METRICS_EXPORTER=none";

type Select = (type: InstrumentType) => AggregationTemporality;

export async function openOtlpReader(
  settings: MetricsSettings,
  version: string,
  log: Logger,
): Promise<OpenReader> {
  const { otlp, intervalMs, timeoutMs, temporality } = settings;
  const trouble = new ExportTrouble(log, "metrics", NO_COLLECTOR);
  const select: Select = (type) => temporalityOf(temporality, type);
  const { exporter, hurry } =
    otlp.protocol === "grpc"
      ? await openGrpc(otlp, select, trouble, log)
      : openHttp(otlp, `oz-agent-worker/${version}`, select, trouble);
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: timeoutMs,
  });
  return { reader, hurry };
}

interface OpenExporter {
  readonly exporter: PushMetricExporter;
  hurry(): void;
}

function openHttp(
  otlp: OtlpSettings,
  userAgent: string,
  select: Select,
  trouble: ExportTrouble,
): OpenExporter {
  const serializer = otlp.protocol === "http/json" ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const sender = new OtlpSender(otlp, userAgent);
  const exporter = new MetricExporter(serializer, sender, trouble, select);
  return { exporter, hurry: () => sender.hurry() };
}

async function openGrpc(
  otlp: OtlpSettings,
  select: Select,
  trouble: ExportTrouble,
  log: Logger,
): Promise<OpenExporter> {
  const { grpcMetricExporter, listenToGrpc } = await import("./otlp-grpc.ts");
  listenToGrpc(log, trouble);
  const exporter = new GrpcMetricExporter(grpcMetricExporter(otlp), trouble, select);
  return { exporter, hurry: () => {} };
}

class MetricExporter extends OtlpExporter<ResourceMetrics> implements PushMetricExporter {
  readonly selectAggregationTemporality: Select;

  constructor(
    serializer: typeof ProtobufMetricsSerializer,
    sender: OtlpSender,
    trouble: ExportTrouble,
    select: Select,
  ) {
    super(serializer, sender, trouble);
    this.selectAggregationTemporality = select;
  }
}

class GrpcMetricExporter extends WatchedExporter<ResourceMetrics> implements PushMetricExporter {
  readonly selectAggregationTemporality: Select;

  constructor(exporter: Exporter<ResourceMetrics>, trouble: ExportTrouble, select: Select) {
    super(exporter, trouble);
    this.selectAggregationTemporality = select;
  }
}

/** As the specification has it for each preference. */
export function temporalityOf(preference: Temporality, type: InstrumentType): AggregationTemporality {
  switch (preference) {
    case "cumulative":
      return AggregationTemporality.CUMULATIVE;
    case "delta":
      return type === InstrumentType.UP_DOWN_COUNTER || type === InstrumentType.OBSERVABLE_UP_DOWN_COUNTER
        ? AggregationTemporality.CUMULATIVE
        : AggregationTemporality.DELTA;
    case "lowmemory":
      return type === InstrumentType.COUNTER || type === InstrumentType.HISTOGRAM
        ? AggregationTemporality.DELTA
        : AggregationTemporality.CUMULATIVE;
    default:
      return preference satisfies never;
  }
}
