/** The catalogue as the SDK's readers want it: what the exporters encode. */
import { ValueType } from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram as HistogramValue,
  InstrumentType,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import type { Temporality } from "../config/telemetry.ts";
import type { Metric, Point } from "./catalogue.ts";
import type { Histogram } from "./histogram.ts";

export interface CatalogueProducerOptions {
  readonly metrics: readonly Metric[];
  readonly resource: Resource;
  readonly scope: { readonly name: string; readonly version: string };
  readonly temporality: Temporality;
  /** From when on there was something to count, as `performance.now()` has it. */
  readonly sinceMs: number;
}

/** One for each reader: what is told as a difference is told since that reader's last time. */
export class CatalogueProducer implements MetricProducer {
  private readonly options: CatalogueProducerOptions;
  /**
   * By the host's clock, as it is at each time, in ms since 1970. `hrTime()` counts on from the process's start: after a
   * host's sleep, or a clock that was set, all that was told was hours old, and stores throw that away.
   */
  private readonly startedAt: number;
  private lastAt: number;
  /** What was told last, by name and labels. */
  private readonly last = new Map<string, number | HistogramValue>();

  constructor(options: CatalogueProducerOptions) {
    this.options = options;
    this.startedAt = Date.now() - (performance.now() - options.sinceMs);
    this.lastAt = this.startedAt;
  }

  async collect(): Promise<CollectionResult> {
    const { metrics, resource, scope } = this.options;
    const now = Date.now();
    const data = metrics
      .map((metric) => this.dataOf(metric, now))
      .filter(({ dataPoints }) => dataPoints.length > 0);
    this.lastAt = now;
    return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics: data }] }, errors: [] };
  }

  private dataOf(metric: Metric, now: number): MetricData {
    const { name, help, unit } = metric;
    // Some stores fix a metric's kind of number once and for all, and counts have always been integers.
    const valueType = unit === "s" ? ValueType.DOUBLE : ValueType.INT;
    const descriptor = { name, description: help, unit, valueType };
    const aggregationTemporality = this.temporalityOf(metric);
    const delta = aggregationTemporality === AggregationTemporality.DELTA;
    const base = { descriptor, aggregationTemporality };
    // The clock may have been put back.
    const since = Math.min(now, delta ? this.lastAt : this.startedAt);
    const time = { startTime: millisToHrTime(since), endTime: millisToHrTime(now) };
    switch (metric.type) {
      case "gauge": {
        const dataPoints = metric
          .points()
          .map(({ labels, value }) => ({ ...time, attributes: labels, value }));
        return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
      }
      case "counter": {
        const dataPoints = metric.points().map((point): DataPoint<number> => {
          const before = delta ? this.swap(keyOf(name, point), point.value, 0) : 0;
          return { ...time, attributes: point.labels, value: point.value - before };
        });
        return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
      }
      case "histogram": {
        const dataPoints = metric.points().map((point): DataPoint<HistogramValue> => {
          const total = copyOf(point.value);
          const before = delta ? this.swap(keyOf(name, point), total, NOTHING) : NOTHING;
          return { ...time, attributes: point.labels, value: difference(total, before) };
        });
        return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
      }
      default:
        return metric satisfies never;
    }
  }

  private temporalityOf({ type }: Metric): AggregationTemporality {
    const instrument = {
      // Counted as things happen, as an instrument of the SDK's that is not observed would: `lowmemory` tells them apart.
      counter: InstrumentType.COUNTER,
      gauge: InstrumentType.OBSERVABLE_GAUGE,
      histogram: InstrumentType.HISTOGRAM,
    }[type];
    return temporalityOf(this.options.temporality, instrument);
  }

  private swap<T extends number | HistogramValue>(key: string, value: T, first: T): T {
    const last = this.last.get(key);
    this.last.set(key, value);
    // Of one name there is one kind only.
    return last === undefined ? first : (last as T);
  }
}

/** As the specification has it for each preference. */
function temporalityOf(preference: Temporality, type: InstrumentType): AggregationTemporality {
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

const NOTHING: HistogramValue = { buckets: { boundaries: [], counts: [] }, count: 0, sum: 0 };

function keyOf(name: string, { labels }: Point<unknown>): string {
  return `${name} ${JSON.stringify(labels)}`;
}

function copyOf({ bounds, counts, count, sum }: Histogram): HistogramValue {
  return { buckets: { boundaries: [...bounds], counts: [...counts] }, count, sum };
}

function difference(total: HistogramValue, since: HistogramValue): HistogramValue {
  const counts = total.buckets.counts.map((count, bucket) => count - (since.buckets.counts[bucket] ?? 0));
  return {
    buckets: { boundaries: total.buckets.boundaries, counts },
    count: total.count - since.count,
    sum: (total.sum ?? 0) - (since.sum ?? 0),
  };
}
