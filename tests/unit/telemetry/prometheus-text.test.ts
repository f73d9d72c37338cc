import { describe, expect, test } from "bun:test";
import { catalogueOf } from "../../../src/telemetry/catalogue.ts";
import { PrometheusText } from "../../../src/telemetry/prometheus-text.ts";
import { Tally } from "../../../src/telemetry/tally.ts";
import { parsePrometheus, seriesOf } from "../../support/prometheus.ts";
import { sampleFigures } from "./sample-figures.ts";

function render(tally: Tally, more = {}, resource = {}): string {
  return new PrometheusText(catalogueOf(tally, sampleFigures(more)), resource).render();
}

test("label values with quotes, backslashes and line ends are escaped", () => {
  const text = render(new Tally(), { workerId: 'a"b\\c\nd' });
  expect(text).toContain('worker_id="a\\"b\\\\c\\nd"');
  expect(() => parsePrometheus(text)).not.toThrow();
});

test("attributes of the resource become labels; of two that become one both values are kept", () => {
  const text = render(new Tally(), {}, { "a.b": "1", a_b: "2", "9x": "3" });
  expect(text).toContain('target_info{a_b="1;2",_9x="3"} 1\n');
});

test("buckets count what is at or below their bound, and all is in +Inf", () => {
  const tally = new Tally();
  for (const seconds of [0.5, 1, 1.5, 86_400, 100_000]) tally.taskSeconds.succeeded.record(seconds);
  const series = seriesOf(parsePrometheus(render(tally)));
  const bucket = (le: string) =>
    series.get(`oz_worker_task_duration_seconds_bucket{le="${le}",result="succeeded"}`);
  expect(["1", "5", "28800", "86400", "+Inf"].map(bucket)).toEqual([2, 3, 3, 4, 5]);
  expect(series.get('oz_worker_task_duration_seconds_sum{result="succeeded"}')).toBe(186_403);
});

test("the durations of tasks are there before the first task, or its end would be no increase", () => {
  const series = seriesOf(parsePrometheus(render(new Tally())));
  for (const result of ["succeeded", "failed", "cancelled", "dispatched"]) {
    expect(series.get(`oz_worker_task_duration_seconds_count{result="${result}"}`)).toBe(0);
    expect(series.get(`oz_worker_task_duration_seconds_bucket{le="1",result="${result}"}`)).toBe(0);
  }
  expect([...series.keys()].filter((name) => name.startsWith("oz_worker_sidecar_duration"))).toEqual([]);
});

describe("the second time", () => {
  test("the figures of then are told", () => {
    const tally = new Tally();
    let active = 0;
    const text = new PrometheusText(catalogueOf(tally, sampleFigures({ activeTasks: () => active })), {});
    text.render();
    active = 7;
    tally.claimed = 9;
    tally.taskSeconds.failed.record(2);
    const series = seriesOf(parsePrometheus(text.render()));
    expect(series.get("oz_worker_tasks_active")).toBe(7);
    expect(series.get("oz_worker_tasks_claimed_total")).toBe(9);
    expect(series.get('oz_worker_task_duration_seconds_count{result="failed"}')).toBe(1);
  });
});

test("what a backend does not tell is not told", () => {
  expect(render(new Tally())).not.toContain("oz_worker_engine_calls");
  expect(render(new Tally(), { engineCalls: () => 3 })).toContain("\noz_worker_engine_calls 3\n");
});
