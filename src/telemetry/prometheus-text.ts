/**
 * Metrics in Prometheus' text format, version 0.0.4. Names are written as they are: they end in
 * `_total` and in their unit already, and a second one would break every dashboard.
 */
import type { HistogramMetric, Labels, Metric, NumberMetric } from "./catalogue.ts";
import type { Histogram } from "./histogram.ts";

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export class PrometheusText {
  private readonly metrics: readonly Metric[];
  private readonly target: string;
  /** A scrape after the first makes no label texts: they are most of the work. */
  private readonly labelTexts = new WeakMap<Labels, string>();
  private readonly bucketTexts = new WeakMap<Histogram, readonly string[]>();

  /** `resource`: attributes of who tells this; OpenTelemetry's rules for Prometheus make a metric of them. */
  constructor(metrics: readonly Metric[], resource: Labels) {
    this.metrics = metrics;
    this.target = `${head("target_info", "Target metadata", "gauge")}target_info${labelText(resource)} 1\n`;
  }

  render(): string {
    let text = "";
    for (const metric of this.metrics) {
      const samples = metric.type === "histogram" ? this.histogram(metric) : this.numbers(metric);
      if (samples !== "") text += head(metric.name, metric.help, metric.type) + samples;
    }
    return text + this.target;
  }

  private numbers({ name, points }: NumberMetric): string {
    let lines = "";
    for (const { labels, value } of points()) lines += `${name}${this.text(labels)} ${numeral(value)}\n`;
    return lines;
  }

  private histogram({ name, points }: HistogramMetric): string {
    let lines = "";
    for (const { labels, value } of points()) {
      let below = 0;
      this.buckets(labels, value).forEach((text, bucket) => {
        below += value.counts[bucket] ?? 0;
        lines += `${name}_bucket${text} ${below}\n`;
      });
      const text = this.text(labels);
      lines += `${name}_sum${text} ${numeral(value.sum)}\n${name}_count${text} ${value.count}\n`;
    }
    return lines;
  }

  private text(labels: Labels): string {
    const known = this.labelTexts.get(labels);
    if (known !== undefined) return known;
    const text = labelText(labels);
    this.labelTexts.set(labels, text);
    return text;
  }

  /** One for each bucket, the one above the last bound included. */
  private buckets(labels: Labels, histogram: Histogram): readonly string[] {
    const known = this.bucketTexts.get(histogram);
    if (known !== undefined) return known;
    const texts = [...histogram.bounds, Number.POSITIVE_INFINITY].map((bound) =>
      labelText({ ...labels, le: numeral(bound) }),
    );
    this.bucketTexts.set(histogram, texts);
    return texts;
  }
}

function head(name: string, help: string, type: string): string {
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
}

/** With its braces; nothing for no labels. */
function labelText(labels: Labels): string {
  const texts = new Map<string, string>();
  for (const [key, text] of Object.entries(labels)) {
    // Two attributes may become one label; then it holds both values.
    const label = labelName(key);
    const other = texts.get(label);
    texts.set(label, other === undefined ? text : `${other};${text}`);
  }
  if (texts.size === 0) return "";
  return `{${[...texts].map(([label, text]) => `${label}="${escapeLabel(text)}"`).join(",")}}`;
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
