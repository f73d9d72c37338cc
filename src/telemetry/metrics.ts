/** Opens the ways out for metrics. Loaded only when there is one to open. */
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import type { MetricsExporter, MetricsSettings } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { registerInstruments } from "./instruments.ts";
import { CLOSED, type OpenReader, type Pipeline } from "./pipeline.ts";
import { PrometheusReader } from "./prometheus.ts";
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
  const { settings, resource, tally, worker, log } = options;
  const opened: OpenReader[] = [];
  for (const exporter of settings.exporters) {
    try {
      opened.push(await openReader(exporter, options));
    } catch (error) {
      log.warn("metrics are not exported this way; the worker goes on without", {
        exporter,
        why: wordsOf(error),
        ...(exporter === "prometheus" ? { hint: "set OTEL_EXPORTER_PROMETHEUS_PORT to a free port" } : {}),
      });
    }
  }
  if (opened.length === 0) return CLOSED;
  const readers = opened.map(({ reader }) => reader);
  const provider = new MeterProvider({ resource: describeWorker(resource), readers });
  registerInstruments(provider.getMeter("oz-agent-worker", resource.version), tally, worker);
  return {
    async close() {
      for (const { hurry } of opened) hurry();
      await provider.shutdown().catch(() => {});
    },
  };
}

async function openReader(exporter: MetricsExporter, options: MetricsOptions): Promise<OpenReader> {
  switch (exporter) {
    case "prometheus": {
      const { host, port } = options.settings.prometheus;
      const reader = new PrometheusReader({ host, port });
      options.log.info("metrics can be fetched", { address: `http://${host}:${reader.port}/metrics` });
      return { reader, hurry: () => {} };
    }
    case "otlp": {
      const { openOtlpReader } = await import("./otlp-metrics.ts");
      return openOtlpReader(options.settings, options.resource.version, options.log);
    }
    case "console": {
      const { openConsoleReader } = await import("./console-metrics.ts");
      return { reader: openConsoleReader(options.settings), hurry: () => {} };
    }
    default:
      return exporter satisfies never;
  }
}
