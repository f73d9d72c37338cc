/** Spans on standard output, for looking at them. */
import { ExportResultCode, hrTimeToMicroseconds } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "../logging/logger.ts";
import { ConsoleOutput } from "./console-output.ts";

export function consoleSpans(log: Logger): SpanExporter {
  const { show, drained } = new ConsoleOutput(log);
  return {
    export(spans, done) {
      for (const span of spans) show(describe(span));
      done({ code: ExportResultCode.SUCCESS });
    },
    forceFlush: drained,
    shutdown: drained,
  };
}

/** Times are in µs. */
function describe(span: ReadableSpan) {
  const { name, kind, attributes, status, events, resource, instrumentationScope, parentSpanContext } = span;
  const { traceId, spanId } = span.spanContext();
  return {
    ...{ traceId, id: spanId, parentId: parentSpanContext?.spanId, name, kind },
    timestamp: hrTimeToMicroseconds(span.startTime),
    duration: hrTimeToMicroseconds(span.duration),
    ...{ attributes, status, events, resource: resource.attributes, instrumentationScope },
  };
}
