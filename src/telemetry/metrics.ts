/** Opens the ways out for metrics. Loaded only when there is one to open. */
import { addressText } from "../config/address.ts";
import type { ListenAddress } from "../config/settings.ts";
import type { MetricsExporter, MetricsSettings } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { AwaitedCollector } from "./awaited-collector.ts";
import { catalogueOf, type Metric } from "./catalogue.ts";
import { ExportTrouble, noCollector, PROMETHEUS_HINT } from "./export-trouble.ts";
import type { Pipeline } from "./pipeline.ts";
import { describeWorker, type ResourceInput } from "./resource.ts";
import type { Tally } from "./tally.ts";
import type { WorkerFigures } from "./worker-figures.ts";

export interface MetricsOptions {
  readonly settings: MetricsSettings;
  readonly resource: ResourceInput;
  readonly tally: Tally;
  readonly worker: WorkerFigures;
  readonly log: Logger;
}

/** Never rejects: an exporter that cannot be had costs a warning. */
export async function openMetrics(options: MetricsOptions): Promise<Pipeline> {
  const { settings, tally, worker, log } = options;
  const catalogue = () => catalogueOf(tally, worker);
  const sinceMs = performance.now();
  const opened: Pipeline[] = [];
  for (const exporter of settings.exporters) {
    try {
      opened.push(await openExporter(exporter, { ...options, catalogue, sinceMs }));
    } catch (error) {
      log.warn("metrics are not exported this way; the worker goes on without", {
        exporter,
        why: wordsOf(error),
        ...(exporter === "prometheus" ? { hint: PROMETHEUS_HINT } : {}),
      });
    }
  }
  return { close: async () => void (await Promise.all(opened.map((pipeline) => pipeline.close()))) };
}

interface ExporterOptions extends MetricsOptions {
  /** Hundreds of objects, for whoever really tells them to somebody. */
  readonly catalogue: () => readonly Metric[];
  /** When they were begun, as `performance.now()` has it. */
  readonly sinceMs: number;
}

async function openExporter(
  exporter: MetricsExporter,
  { settings, resource, log, catalogue, sinceMs }: ExporterOptions,
): Promise<Pipeline> {
  switch (exporter) {
    case "prometheus": {
      const { servePrometheus } = await import("./prometheus.ts");
      const { host, port } = settings.prometheus;
      const server = servePrometheus({
        host,
        port,
        metrics: catalogue(),
        resource: describeWorker(resource),
      });
      log.info("metrics can be fetched", {
        address: `http://${addressText({ host, port: server.port })}/metrics`,
      });
      return { close: () => server.stop() };
    }
    case "otlp": {
      const { otlp, intervalMs: everyMs } = settings;
      const trouble = new ExportTrouble(log, "metrics", noCollector("OTEL_METRICS_EXPORTER"));
      const open = async () => {
        const { openOtlpMetrics } = await import("./otlp-metrics.ts");
        return openOtlpMetrics({ settings, resource, metrics: catalogue(), sinceMs, trouble });
      };
      if (otlp.endpointGiven) return open();
      return new AwaitedCollector({ address: addressIn(otlp.endpoint), everyMs, trouble, open });
    }
    case "console": {
      const { openConsoleMetrics } = await import("./console-metrics.ts");
      return openConsoleMetrics({ settings, resource, metrics: catalogue(), sinceMs, log });
    }
    default:
      return exporter satisfies never;
  }
}

function addressIn(endpoint: string): ListenAddress {
  const { hostname, port } = new URL(endpoint);
  return { host: hostname, port: Number(port) };
}
