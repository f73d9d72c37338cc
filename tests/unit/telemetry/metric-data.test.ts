import { afterEach, describe, expect, setSystemTime, test } from "bun:test";
import { type HrTime, ValueType } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import { AggregationTemporality, type MetricData } from "@opentelemetry/sdk-metrics";
import type { Temporality } from "../../../src/config/telemetry.ts";
import { catalogueOf } from "../../../src/telemetry/catalogue.ts";
import { CatalogueProducer } from "../../../src/telemetry/metric-data.ts";
import { Tally } from "../../../src/telemetry/tally.ts";
import { sampleFigures } from "./sample-figures.ts";

function producer(sinceMs = 0, temporality: Temporality = "cumulative", tally = new Tally()) {
  return new CatalogueProducer({
    metrics: catalogueOf(tally, sampleFigures()),
    resource: emptyResource(),
    scope: { name: "test", version: "1" },
    temporality,
    sinceMs,
  });
}

async function kindsOfNumber(): Promise<ReadonlyMap<string, ValueType>> {
  const { resourceMetrics } = await producer().collect();
  const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  return new Map(all.map(({ descriptor: { name, valueType } }) => [name, valueType]));
}

test("counts are integers and seconds are not: a store that knows a name refuses another kind of number", async () => {
  const kinds = await kindsOfNumber();
  for (const name of ["oz_worker_tasks_claimed_total", "oz_worker_connected", "oz_worker_journal_bytes"])
    expect(kinds.get(name)).toBe(ValueType.INT);
  for (const name of ["oz_worker_task_duration_seconds", "oz_worker_event_loop_delay_seconds"])
    expect(kinds.get(name)).toBe(ValueType.DOUBLE);
});

/** From when to when the first of all numbers was counted, in seconds before now. */
async function spanOf(from: CatalogueProducer): Promise<{ start: number; end: number }> {
  const { resourceMetrics } = await from.collect();
  const [claimed] = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  const { startTime = [0, 0], endTime = [0, 0] } = claimed?.dataPoints[0] ?? {};
  const seconds = (time: HrTime) => Math.round((Date.now() - hrTimeToMilliseconds(time)) / 1_000);
  return { start: seconds(startTime), end: seconds(endTime) };
}

afterEach(() => setSystemTime());

test("a sum says since when it was counted, which may be long before anybody was found to tell it to", async () => {
  expect(await spanOf(producer(performance.now() - 60_000))).toEqual({ start: 60, end: 0 });
});

const HOURS = 3_600;

// A host that had slept, or booted with a wrong clock, told numbers that were hours old until its worker was restarted.
test.each(["cumulative", "delta"] as const)(
  "what is counted is told by the host's clock although that was set meanwhile (%s)",
  async (preference) => {
    const from = producer(performance.now(), preference);
    setSystemTime(Date.now() + 3 * HOURS * 1_000);
    expect(await spanOf(from)).toEqual({ start: 3 * HOURS, end: 0 });
    setSystemTime(Date.now() - 5 * HOURS * 1_000);
    // Nobody takes what ends before it begins.
    expect(await spanOf(from)).toEqual({ start: 0, end: 0 });
  },
);

const { CUMULATIVE, DELTA } = AggregationTemporality;

async function collected(from: CatalogueProducer, name: string): Promise<MetricData> {
  const { resourceMetrics } = await from.collect();
  const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  const found = all.find(({ descriptor }) => descriptor.name === name);
  if (found === undefined) throw new Error(`There is no ${name}`);
  return found;
}

describe("of what is counted", () => {
  const CASES: readonly [Temporality, AggregationTemporality, AggregationTemporality][] = [
    ["cumulative", CUMULATIVE, CUMULATIVE],
    ["delta", DELTA, DELTA],
    // By the specification: what counts as things happen, and histograms.
    ["lowmemory", DELTA, DELTA],
  ];
  test.each(CASES)(
    "%s is the preference, and so the temporality of counters and histograms",
    async (preference, counter, histogram) => {
      const from = producer(0, preference);
      const claimed = await collected(from, "oz_worker_tasks_claimed_total");
      expect(claimed).toMatchObject({ aggregationTemporality: counter, isMonotonic: true });
      const seconds = await collected(from, "oz_worker_task_duration_seconds");
      expect(seconds.aggregationTemporality).toBe(histogram);
    },
  );

  test("a difference is told from one time to the next: number, sum and every bucket, without a gap between", async () => {
    const tally = new Tally();
    const from = producer(0, "delta", tally);
    const record = (seconds: number) => tally.taskSeconds.succeeded.record(seconds);
    const tell = async () => {
      const { dataPoints } = await collected(from, "oz_worker_task_duration_seconds");
      return dataPoints[0];
    };
    for (const seconds of [0.5, 3, 3]) record(seconds);
    const first = await tell();
    expect(first?.value).toMatchObject({ count: 3, sum: 6.5 });
    expect(first?.value).toHaveProperty("buckets.counts", [1, 2, ...new Array(13).fill(0)]);
    for (const seconds of [3, 100_000]) record(seconds);
    const second = await tell();
    expect(second?.value).toMatchObject({ count: 2, sum: 100_003 });
    expect(second?.value).toHaveProperty("buckets.counts", [0, 1, ...new Array(12).fill(0), 1]);
    expect(second?.startTime).toEqual(first?.endTime ?? [0, 0]);
    expect((await tell())?.value).toMatchObject({ count: 0, sum: 0 });
  });

  test("a difference of a count is what came since, and a total all that there was", async () => {
    for (const [preference, then] of [
      ["delta", [2, 1, 0]],
      ["cumulative", [2, 3, 3]],
    ] as const) {
      const tally = new Tally();
      const from = producer(0, preference, tally);
      const values: unknown[] = [];
      for (const more of [2, 1, 0]) {
        tally.claimed += more;
        const { dataPoints } = await collected(from, "oz_worker_tasks_claimed_total");
        values.push(dataPoints[0]?.value);
      }
      expect(values).toEqual([...then]);
    }
  });
});
