/** What a collector makes of OTLP, in protobuf and in JSON, in one shape for tests to look at. */
import { Message } from "./protobuf.ts";

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface MetricPoint {
  readonly attributes: Attributes;
  /** Of a histogram its count. */
  readonly value: number;
  readonly sum?: number;
  readonly bounds?: readonly number[];
  readonly counts?: readonly number[];
}

export interface ReceivedMetric {
  readonly type: "sum" | "gauge" | "histogram";
  readonly unit: string;
  readonly monotonic: boolean;
  readonly temporality: "cumulative" | "delta" | null;
  readonly points: readonly MetricPoint[];
}

export interface ReceivedMetrics {
  readonly resource: Attributes;
  readonly metrics: ReadonlyMap<string, ReceivedMetric>;
}

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly status: "unset" | "ok" | "error";
}

const TEMPORALITIES = [null, "delta", "cumulative"] as const;
const STATUSES = ["unset", "ok", "error"] as const;

export function metricsOfProtobuf(bytes: Uint8Array): ReceivedMetrics {
  const [all] = new Message(bytes).messages(1);
  const metrics = new Map<string, ReceivedMetric>();
  for (const metric of all?.messages(2).flatMap((scope) => scope.messages(2)) ?? []) {
    const [gauge, sum, histogram] = [metric.message(5), metric.message(7), metric.message(9)];
    const data = gauge ?? sum ?? histogram;
    metrics.set(metric.text(1), {
      type: gauge ? "gauge" : sum ? "sum" : "histogram",
      unit: metric.text(3),
      monotonic: sum?.int(3) === 1,
      temporality: TEMPORALITIES[gauge ? 0 : (data?.int(2) ?? 0)] ?? null,
      points:
        data?.messages(1).map((point) => (histogram ? histogramPoint(point) : numberPoint(point))) ?? [],
    });
  }
  return { resource: attributesOf(all?.message(1)?.messages(1) ?? []), metrics };
}

function numberPoint(point: Message): MetricPoint {
  return {
    attributes: attributesOf(point.messages(7)),
    value: point.double(4) ?? Number(point.fixed64(6) ?? Number.NaN),
  };
}

function histogramPoint(point: Message): MetricPoint {
  return {
    attributes: attributesOf(point.messages(9)),
    value: Number(point.fixed64(4) ?? 0n),
    sum: point.double(5) ?? Number.NaN,
    counts: point.fixed64s(6),
    bounds: point.doubles(7),
  };
}

export function spansOfProtobuf(bytes: Uint8Array): ReceivedSpan[] {
  const scopes = new Message(bytes).messages(1).flatMap((resource) => resource.messages(2));
  return scopes
    .flatMap((scope) => scope.messages(2))
    .map((span) => ({
      traceId: span.hex(1),
      spanId: span.hex(2),
      parentSpanId: span.hex(4),
      name: span.text(5),
      attributes: attributesOf(span.messages(9)),
      events: span
        .messages(11)
        .map((event) => ({ name: event.text(2), attributes: attributesOf(event.messages(3)) })),
      status: STATUSES[span.message(15)?.int(3) ?? 0] ?? "unset",
    }));
}

function attributesOf(pairs: readonly Message[]): Attributes {
  return Object.fromEntries(pairs.map((pair) => [pair.text(1), scalarOf(pair.message(2))]));
}

function scalarOf(value: Message | undefined): string | number | boolean {
  if (value === undefined) return "";
  const double = value.double(4);
  if (double !== undefined) return double;
  if (value.int(2) !== 0) return true;
  return value.text(1) || value.int(3);
}

interface JsonValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

interface JsonPoint {
  readonly attributes?: readonly { key: string; value: JsonValue }[];
  readonly asDouble?: number;
  readonly asInt?: string | number;
  readonly count?: string | number;
  readonly sum?: number;
  readonly bucketCounts?: readonly (string | number)[];
  readonly explicitBounds?: readonly number[];
}

interface JsonData {
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
  readonly dataPoints: readonly JsonPoint[];
}

interface JsonMetric {
  readonly name: string;
  readonly unit?: string;
  readonly sum?: JsonData;
  readonly gauge?: JsonData;
  readonly histogram?: JsonData;
}

interface JsonRequest {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: JsonPoint["attributes"] };
    readonly scopeMetrics: readonly { readonly metrics: readonly JsonMetric[] }[];
  }[];
}

export function metricsOfJson(bytes: Uint8Array): ReceivedMetrics {
  const request: JsonRequest = JSON.parse(new TextDecoder().decode(bytes));
  const [all] = request.resourceMetrics;
  const metrics = new Map<string, ReceivedMetric>();
  for (const metric of all?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []) {
    const data = metric.gauge ?? metric.sum ?? metric.histogram;
    metrics.set(metric.name, {
      type: metric.gauge ? "gauge" : metric.sum ? "sum" : "histogram",
      unit: metric.unit ?? "",
      monotonic: data?.isMonotonic === true,
      temporality: TEMPORALITIES[metric.gauge ? 0 : (data?.aggregationTemporality ?? 0)] ?? null,
      points: data?.dataPoints.map(jsonPoint) ?? [],
    });
  }
  return { resource: jsonAttributes(all?.resource.attributes), metrics };
}

function jsonPoint(point: JsonPoint): MetricPoint {
  return {
    attributes: jsonAttributes(point.attributes),
    value: Number(point.asDouble ?? point.asInt ?? point.count),
    ...(point.sum === undefined ? {} : { sum: point.sum }),
    ...(point.explicitBounds === undefined ? {} : { bounds: point.explicitBounds }),
    ...(point.bucketCounts === undefined ? {} : { counts: point.bucketCounts.map(Number) }),
  };
}

function jsonAttributes(pairs: JsonPoint["attributes"]): Attributes {
  const read = ({ stringValue, intValue, doubleValue, boolValue }: JsonValue) =>
    stringValue ?? boolValue ?? Number(intValue ?? doubleValue);
  return Object.fromEntries((pairs ?? []).map(({ key, value }) => [key, read(value)]));
}
