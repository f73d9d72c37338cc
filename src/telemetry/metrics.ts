/** Opens the ways out for metrics. Loaded only when there is one to open. */
import { addressText } from "../config/address.ts";
import type { MetricsExporter, MetricsSettings } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { catalogueOf, type Metric } from "./catalogue.ts";
import type { Pipeline } from "./pipeline.ts";
import { describeWorker, type ResourceInput } from "./resource.ts";
import type { Tally } from "./tally.ts";
import type { WorkerFigures } from "./worker-figures.ts";

const PROMETHEUS_HINT =
  "set OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT to an address of this host that is free";

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
  const metrics = catalogueOf(tally, worker);
  const opened: Pipeline[] = [];
  for (const exporter of settings.exporters) {
    try {
      opened.push(await openExporter(exporter, metrics, options));
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

async function openExporter(
  exporter: MetricsExporter,
  metrics: readonly Metric[],
  { settings, resource, log }: MetricsOptions,
): Promise<Pipeline> {
  switch (exporter) {
    case "prometheus": {
      const { servePrometheus } = await import("./prometheus.ts");
      const { host, port } = settings.prometheus;
      const server = servePrometheus({ host, port, metrics, resource: describeWorker(resource) });
      log.info("metrics can be fetched", {
        address: `http://${addressText({ host, port: server.port })}/metrics`,
      });
      return { close: () => server.stop() };
    }
    case "otlp": {
      const { openOtlpMetrics } = await import("./otlp-metrics.ts");
      return openOtlpMetrics({ settings, resource, metrics, log });
    }
    case "console": {
      const { openConsoleMetrics } = await import("./console-metrics.ts");
      return openConsoleMetrics({ settings, resource, metrics });
    }
    default:
      return exporter satisfies never;
  }
}
