import { expect, test } from "bun:test";
import { ValueType } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import { catalogueOf } from "../../../src/telemetry/catalogue.ts";
import { CatalogueProducer } from "../../../src/telemetry/metric-data.ts";
import { Tally } from "../../../src/telemetry/tally.ts";
import { sampleFigures } from "./sample-figures.ts";

async function kindsOfNumber(): Promise<ReadonlyMap<string, ValueType>> {
  const producer = new CatalogueProducer({
    metrics: catalogueOf(new Tally(), sampleFigures()),
    resource: emptyResource(),
    scope: { name: "test", version: "1" },
    temporality: "cumulative",
  });
  const { resourceMetrics } = await producer.collect();
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
