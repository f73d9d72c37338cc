/** Opens the ways out for traces. Loaded only when there is one to open. */
import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TracesExporter, TracesSettings } from "../config/telemetry.ts";
import type { Logger } from "../logging/logger.ts";
import type { Redact } from "../logging/redact.ts";
import { wordsOf } from "../logging/words-of.ts";
import { ExportTrouble, noCollector } from "./export-trouble.ts";
import { openSender } from "./open-sender.ts";
import { OtlpExporter } from "./otlp-exporter.ts";
import type { Pipeline } from "./pipeline.ts";
import { describeWorker, type ResourceInput } from "./resource.ts";
import { TaskSpans } from "./task-spans.ts";

export interface TracesOptions {
  readonly settings: TracesSettings;
  readonly resource: ResourceInput;
  readonly redact: Redact;
  readonly log: Logger;
}

export interface OpenTraces extends Pipeline {
  readonly spans: TaskSpans;
}

interface Way {
  readonly processor: SpanProcessor;
  hurry(): void;
}

/** Null when none of the exporters can be had, which costs a warning each. Never rejects. */
export async function openTraces(options: TracesOptions): Promise<OpenTraces | null> {
  const { settings, resource, redact, log } = options;
  const ways: Way[] = [];
  for (const exporter of settings.exporters) {
    try {
      ways.push(await openWay(exporter, options));
    } catch (error) {
      log.warn("traces are not exported this way; the worker goes on without", {
        exporter,
        why: wordsOf(error),
      });
    }
  }
  if (ways.length === 0) return null;
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes(describeWorker(resource))),
    spanProcessors: ways.map(({ processor }) => processor),
    sampler: new TraceIdRatioBasedSampler(settings.share),
  });
  const tracer = provider.getTracer("oz-agent-worker", resource.version);
  const spans = new TaskSpans({ tracer, backend: resource.backend, redact });
  return {
    spans,
    async close() {
      spans.close();
      for (const { hurry } of ways) hurry();
      await provider.shutdown().catch(() => {});
    },
  };
}

async function openWay(exporter: TracesExporter, options: TracesOptions): Promise<Way> {
  switch (exporter) {
    case "console": {
      const { consoleSpans } = await import("./console-spans.ts");
      const exporter = consoleSpans(options.log);
      return { processor: new SimpleSpanProcessor({ exporter }), hurry: () => {} };
    }
    case "otlp":
      return openOtlp(options);
    default:
      return exporter satisfies never;
  }
}

async function openOtlp({ settings, resource, log }: TracesOptions): Promise<Way> {
  const { otlp, batch } = settings;
  const sender = await openSender(otlp, "traces", resource.version, batch.timeoutMs);
  const serializer = otlp.protocol === "http/json" ? JsonTraceSerializer : ProtobufTraceSerializer;
  const exporter = new OtlpExporter<ReadableSpan[]>(
    serializer,
    sender,
    new ExportTrouble(log, "traces", noCollector("OTEL_TRACES_EXPORTER")),
  );
  return { processor: batched(exporter, batch), hurry: () => sender.hurry() };
}

function batched(exporter: SpanExporter, batch: TracesSettings["batch"]): SpanProcessor {
  return new BatchSpanProcessor({
    exporter,
    scheduledDelayMillis: batch.delayMs,
    exportTimeoutMillis: batch.timeoutMs,
    maxQueueSize: batch.queueSize,
    maxExportBatchSize: batch.size,
  });
}
