/**
 * Metrics in Prometheus' text format, version 0.0.4. Names are written as they are: they end in
 * `_total` and in their unit already, and a second one would break every dashboard.
 */
import type { HistogramMetric, Labels, Metric } from "./catalogue.ts";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** `resource`: attributes of who tells this; OpenTelemetry's rules for Prometheus make a metric of them. */
export function renderPrometheus(metrics: readonly Metric[], resource: Labels): string {
  const blocks = metrics.map((metric) => {
    const samples = samplesOf(metric);
    return samples === "" ? "" : head(metric.name, metric.help, metric.type) + samples;
  });
  const target = head("target_info", "Target metadata", "gauge") + sample("target_info", resource, 1);
  return blocks.join("") + target;
}

function samplesOf(metric: Metric): string {
  switch (metric.type) {
    case "counter":
    case "gauge": {
      let lines = "";
      for (const { labels, value } of metric.points()) lines += sample(metric.name, labels, value);
      return lines;
    }
    case "histogram":
      return histogramSamples(metric);
    default:
      return metric satisfies never;
  }
}

function histogramSamples({ name, points }: HistogramMetric): string {
  let lines = "";
  for (const { labels, value } of points()) {
    let below = 0;
    value.bounds.forEach((bound, bucket) => {
      below += value.counts[bucket] ?? 0;
      lines += sample(`${name}_bucket`, { ...labels, le: numeral(bound) }, below);
    });
    lines += sample(`${name}_bucket`, { ...labels, le: "+Inf" }, value.count);
    lines += sample(`${name}_sum`, labels, value.sum) + sample(`${name}_count`, labels, value.count);
  }
  return lines;
}

function head(name: string, help: string, type: string): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
}

function sample(name: string, labels: Labels, value: number): string {
  const texts = new Map<string, string>();
  for (const [key, text] of Object.entries(labels)) {
    // Two attributes may become one label; then it holds both values.
    const label = labelName(key);
    const other = texts.get(label);
    texts.set(label, other === undefined ? text : `${other};${text}`);
  }
  const list = [...texts].map(([label, text]) => `${label}="${escapeLabel(text)}"`).join(",");
  return `${name}${list === "" ? "" : `{${list}}`} ${numeral(value)}\n`;
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

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
