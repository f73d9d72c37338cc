/** What Prometheus sees of tasks that are handed over: a result of their own, and no task that runs. */
import { expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { scrape, seriesOf } from "../support/prometheus.ts";

test("tasks handed over count as dispatched, those that were not as failed by their reason", async () => {
  await using site = await CommandSite.create();
  await using worker = await site.start({
    dispatch: '[ ! -e "$NOTES/full" ]',
    cancel: null,
    env: { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_PORT: "0" },
  });
  const [one, other] = [assignment(), assignment()];
  await site.handOver(one, worker);
  await site.handOver(other, worker);
  await Bun.write(`${site.notes}/full`, "");
  await site.run(assignment());
  const [, url = ""] = await worker.waitForLog(/metrics can be fetched address=(\S+)/);
  const series = seriesOf(await scrape(url));
  const completed = (result: string) => series.get(`oz_worker_tasks_completed_total{result="${result}"}`);
  expect(["dispatched", "failed", "succeeded", "cancelled"].map(completed)).toEqual([2, 1, 0, 0]);
  expect(series.get('oz_worker_task_failures_total{phase="backend",reason="dispatch_command"}')).toBe(1);
  expect(series.get("oz_worker_tasks_active")).toBe(0);
  expect(series.get('oz_worker_task_duration_seconds_count{result="dispatched"}')).toBe(2);
});
