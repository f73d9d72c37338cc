/**
 * Metrics in Prometheus' text format, version 0.0.4. Names are written as they are: they end in
 * `_total` and in their unit already, and a second one would break every dashboard.
 */
import type { Attributes, AttributeValue } from "@opentelemetry/api";
import {
  DataPointType,
  type HistogramMetricData,
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function renderPrometheus({ resource, scopeMetrics }: ResourceMetrics): string {
  const metrics = scopeMetrics.flatMap((scope) => scope.metrics);
  return [...metrics.flatMap(renderMetric), ...renderTarget(resource.attributes)]
    .map((line) => `${line}\n`)
    .join("");
}

function renderMetric(metric: MetricData): string[] {
  const { name, description } = metric.descriptor;
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return [
        ...head(name, description, metric.isMonotonic ? "counter" : "gauge"),
        ...metric.dataPoints.map(({ attributes, value }) => sample(name, attributes, value)),
      ];
    case DataPointType.GAUGE:
      return [
        ...head(name, description, "gauge"),
        ...metric.dataPoints.map(({ attributes, value }) => sample(name, attributes, value)),
      ];
    case DataPointType.HISTOGRAM:
      return [...head(name, description, "histogram"), ...renderHistogram(name, metric)];
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      return []; // none of ours is one
    default:
      return metric satisfies never;
  }
}

function renderHistogram(name: string, { dataPoints }: HistogramMetricData): string[] {
  return dataPoints.flatMap(({ attributes, value: { buckets, count, sum } }) => {
    let below = 0;
    const lines = buckets.boundaries.map((boundary, index) => {
      below += buckets.counts[index] ?? 0;
      return sample(`${name}_bucket`, { ...attributes, le: numeral(boundary) }, below);
    });
    return [
      ...lines,
      sample(`${name}_bucket`, { ...attributes, le: "+Inf" }, count),
      sample(`${name}_sum`, attributes, sum ?? 0),
      sample(`${name}_count`, attributes, count),
    ];
  });
}

/** The resource, as OpenTelemetry's rules for Prometheus have it. */
function renderTarget(attributes: Attributes): string[] {
  return [...head("target_info", "Target metadata", "gauge"), sample("target_info", attributes, 1)];
}

function head(name: string, help: string, type: string): string[] {
  return [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`];
}

function sample(name: string, attributes: Attributes, value: number): string {
  const labels = new Map<string, string>();
  for (const [key, text] of Object.entries(attributes)) {
    if (text === undefined) continue;
    // Two attributes may become one label; then it holds both values.
    const label = labelName(key);
    const other = labels.get(label);
    labels.set(label, other === undefined ? labelText(text) : `${other};${labelText(text)}`);
  }
  const list = [...labels].map(([label, text]) => `${label}="${escapeLabel(text)}"`).join(",");
  return `${name}${list === "" ? "" : `{${list}}`} ${numeral(value)}`;
}

function numeral(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

function labelName(key: string): string {
  const name = key.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

function labelText(value: AttributeValue): string {
  return Array.isArray(value) ? JSON.stringify(value) : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
