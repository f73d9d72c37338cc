/** The SDK's periodic reader over our catalogue. */
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { PeriodicExportingMetricReader, type PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { MetricsSettings } from "../config/telemetry.ts";
import type { Metric } from "./catalogue.ts";
import { CatalogueProducer } from "./metric-data.ts";
import type { PushPipeline } from "./pipeline.ts";
import { describeWorker, type ResourceInput } from "./resource.ts";

export interface ReaderOptions {
  readonly settings: MetricsSettings;
  readonly resource: ResourceInput;
  readonly metrics: readonly Metric[];
  /** From when on they are counted, as `performance.now()` has it. */
  readonly sinceMs: number;
}

/** `hurry`: the worker stops, so what is sent is tried once from now on. */
export function openReader(
  { settings, resource, metrics, sinceMs }: ReaderOptions,
  exporter: PushMetricExporter,
  hurry: () => void,
): PushPipeline {
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: settings.intervalMs,
    exportTimeoutMillis: settings.timeoutMs,
  });
  reader.setMetricProducer(
    new CatalogueProducer({
      metrics,
      resource: defaultResource().merge(resourceFromAttributes(describeWorker(resource))),
      scope: { name: "oz-agent-worker", version: resource.version },
      temporality: settings.temporality,
      sinceMs,
    }),
  );
  return {
    exportNow: () => reader.forceFlush().catch(() => {}),
    async close() {
      hurry();
      await reader.shutdown().catch(() => {});
    },
  };
}
