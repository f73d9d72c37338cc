import { expect, test } from "bun:test";
import { ValueType } from "@opentelemetry/api";
import { hrTime } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import { catalogueOf } from "../../../src/telemetry/catalogue.ts";
import { CatalogueProducer } from "../../../src/telemetry/metric-data.ts";
import { Tally } from "../../../src/telemetry/tally.ts";
import { sampleFigures } from "./sample-figures.ts";

function producer(sinceMs = 0) {
  return new CatalogueProducer({
    metrics: catalogueOf(new Tally(), sampleFigures()),
    resource: emptyResource(),
    scope: { name: "test", version: "1" },
    temporality: "cumulative",
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

test("a sum says since when it was counted, which may be long before anybody was found to tell it to", async () => {
  const sinceMs = performance.now() - 60_000;
  const { resourceMetrics } = await producer(sinceMs).collect();
  const [claimed] = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  expect(claimed?.dataPoints[0]?.startTime).toEqual(hrTime(sinceMs));
});
