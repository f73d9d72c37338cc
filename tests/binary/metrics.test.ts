/** Metrics of the compiled worker as Prometheus sees them: names, types, labels and values, one by one. */
import { describe, expect, test } from "bun:test";
import { FAILURE_REASONS } from "../../src/protocol/failure-reason.ts";
import { assignment, assignments } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { askWithoutHost } from "../support/old-http.ts";
import { scrape, seriesOf } from "../support/prometheus.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const PROMETHEUS = { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_PORT: "0" };

async function metricsUrl(worker: WorkerProcess): Promise<string> {
  const [, url = ""] = await worker.waitForLog(/metrics can be fetched address=(\S+)/);
  return url;
}

/** Names and types that other people's dashboards and alerts rely on. */
const CONTRACT = {
  oz_worker_connected: "gauge",
  oz_worker_tasks_active: "gauge",
  oz_worker_tasks_max_concurrent: "gauge",
  oz_worker_tasks_claimed_total: "counter",
  oz_worker_tasks_rejected_total: "counter",
  oz_worker_tasks_completed_total: "counter",
  oz_worker_task_duration_seconds: "histogram",
  oz_worker_task_failures_total: "counter",
  oz_worker_websocket_reconnects_total: "counter",
  oz_worker_info: "gauge",
} as const;

const ADDITIONS = {
  oz_worker_outbox_messages: "gauge",
  oz_worker_outbox_oldest_age_seconds: "gauge",
  oz_worker_journal_bytes: "gauge",
  oz_worker_journal_durable: "gauge",
  oz_worker_process_resident_memory_bytes: "gauge",
  oz_worker_event_loop_delay_seconds: "gauge",
  target_info: "gauge",
} as const;

function countersAtZero(): Map<string, number> {
  const results = ["succeeded", "failed", "cancelled", "dispatched"];
  const failures = ["assignment", "backend", "cleanup"].flatMap((phase) =>
    FAILURE_REASONS.map((reason) => `oz_worker_task_failures_total{phase="${phase}",reason="${reason}"}`),
  );
  return new Map(
    [
      "oz_worker_tasks_claimed_total",
      'oz_worker_tasks_rejected_total{reason="at_capacity"}',
      ...results.map((result) => `oz_worker_tasks_completed_total{result="${result}"}`),
      ...failures,
      'oz_worker_websocket_reconnects_total{reason="dial_failed"}',
      'oz_worker_websocket_reconnects_total{reason="remote_close"}',
    ].map((series) => [series, 0]),
  );
}

function counters(series: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...series].filter(([name]) => /_total(?:\{|$)/.test(name)));
}

test("can be fetched in HTTP/1.0, which names no host", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ env: PROMETHEUS });
  expect(await askWithoutHost(await metricsUrl(worker))).toContain("oz_worker_connected 1\n");
});

describe("before the first task", () => {
  test("every metric is there by its exact name and type, and every series of a counter is 0", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: PROMETHEUS, top: { max_concurrent_tasks: 3 } });
    const families = await scrape(await metricsUrl(worker));
    const types = Object.fromEntries([...families].map(([name, { type }]) => [name, type]));
    expect(types).toEqual({ ...CONTRACT, ...ADDITIONS });
    for (const { help } of families.values()) expect(help).not.toBe("");
    const series = seriesOf(families);
    expect(counters(series)).toEqual(countersAtZero());
    for (const result of ["succeeded", "failed", "cancelled", "dispatched"])
      expect(series.get(`oz_worker_task_duration_seconds_count{result="${result}"}`)).toBe(0);
    expect(series.get("oz_worker_connected")).toBe(1);
    expect(series.get("oz_worker_tasks_active")).toBe(0);
    expect(series.get("oz_worker_tasks_max_concurrent")).toBe(3);
    expect(series.get("oz_worker_journal_durable")).toBe(1);
    expect(series.get("oz_worker_journal_bytes")).toBeGreaterThan(1_000);
    expect([...(families.get("oz_worker_info")?.samples ?? [])]).toEqual([
      [expect.stringMatching(/^oz_worker_info\{backend="direct",version="\d[^"]*",worker_id="bar"\}$/), 1],
    ]);
  });

  test("the resource is told, and what the operator says of it wins", async () => {
    await using site = await DirectSite.create();
    const env = {
      ...PROMETHEUS,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=pr%C3%BCf,service.name=other",
      OTEL_SERVICE_NAME: "mine",
    };
    await using worker = await site.start({ env });
    const [target = ""] = (await scrape(await metricsUrl(worker))).get("target_info")?.samples.keys() ?? [];
    expect(target).toContain('deployment_environment="prüf"');
    expect(target).toContain('service_name="mine"');
    expect(target).toContain('worker_id="bar"');
    expect(target).toContain('worker_backend="direct"');
  });
});

test("a run of successes, failures, a cancellation, a rejection and a reconnect is counted exactly", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ env: PROMETHEUS, top: { max_concurrent_tasks: 1 } });
  const url = await metricsUrl(worker);
  await site.run(assignment({}));
  await site.run(assignment({}));
  await site.run(assignment({ env: { AGENT_EXIT: "3" } }));
  await site.run(assignment({ taskId: "../up" }));
  site.plane.faults.send("task_assignment", { task_id: "unreadable", task: 5 });
  const [held] = await site.hold(1);
  // Not by way of the queue, which would offer it again once there is room.
  const refused = assignment({});
  site.plane.faults.send("task_assignment", { ...refused });
  await eventually(
    () => site.messages(refused.task_id).some(({ type }) => type === "task_rejected"),
    "the rejection",
  );
  expect(seriesOf(await scrape(url)).get("oz_worker_tasks_active")).toBe(1);
  const heldId = held ? taskIdOf(held) : "";
  site.plane.cancel(heldId);
  await site.plane.waitForTask(heldId);
  site.plane.faults.drop();
  await site.plane.waitForConnection(2);
  await worker.waitForLog(/connected to the control plane[\s\S]*connected to the control plane/);
  const series = seriesOf(await scrape(url));
  const wanted = {
    oz_worker_tasks_claimed_total: 5,
    'oz_worker_tasks_rejected_total{reason="at_capacity"}': 1,
    'oz_worker_tasks_completed_total{result="succeeded"}': 2,
    'oz_worker_tasks_completed_total{result="failed"}': 2,
    'oz_worker_tasks_completed_total{result="cancelled"}': 1,
    'oz_worker_task_failures_total{phase="backend",reason="agent_invocation"}': 1,
    'oz_worker_task_failures_total{phase="backend",reason="workspace_setup"}': 1,
    // It was never claimed, so it is no task that ended.
    'oz_worker_task_failures_total{phase="assignment",reason="unknown"}': 1,
    'oz_worker_websocket_reconnects_total{reason="remote_close"}': 1,
  };
  expect(counters(series)).toEqual(new Map([...countersAtZero(), ...Object.entries(wanted)]));
  expect(series.get("oz_worker_tasks_active")).toBe(0);
  expect(series.get("oz_worker_connected")).toBe(1);
  expect(series.get('oz_worker_task_duration_seconds_count{result="succeeded"}')).toBe(2);
  expect(series.get('oz_worker_task_duration_seconds_count{result="cancelled"}')).toBe(1);
  const bounds = [...series.keys()].flatMap(
    (name) => /_duration_seconds_bucket\{le="([^"]+)",result="succeeded"\}/.exec(name)?.[1] ?? [],
  );
  expect(bounds).toEqual([
    ...["1", "5", "15", "30", "60", "120", "300", "600", "1800", "3600", "7200", "14400", "28800"],
    ...["86400", "+Inf"],
  ]);
  expect(series.get("oz_worker_task_start_delay_seconds_count")).toBeGreaterThan(3);
});

test("a worker that cannot reach its control plane says so: not connected, dialled again and again", async () => {
  await using site = await DirectSite.create();
  site.plane.faults.refuse(503);
  await using worker = await site.start({ env: PROMETHEUS, connected: false });
  const url = await metricsUrl(worker);
  const series = await eventually(async () => {
    const all = seriesOf(await scrape(url));
    return (all.get('oz_worker_websocket_reconnects_total{reason="dial_failed"}') ?? 0) > 0 ? all : null;
  }, "an attempt to dial again");
  expect(series.get("oz_worker_connected")).toBe(0);
  expect(series.get('oz_worker_websocket_reconnects_total{reason="remote_close"}')).toBe(0);
});

test("a failed teardown and a failed setup are told apart by their phase", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({
    env: PROMETHEUS,
    direct: { setup_command: '[ ! "$FAIL_SETUP" ]', teardown_command: "exit 7" },
  });
  await site.run(assignment({ env: { FAIL_SETUP: "1" } }));
  const series = seriesOf(await scrape(await metricsUrl(worker)));
  expect(series.get('oz_worker_task_failures_total{phase="backend",reason="setup_command"}')).toBe(1);
  expect(series.get('oz_worker_task_failures_total{phase="cleanup",reason="teardown_command"}')).toBe(1);
  expect(series.get('oz_worker_tasks_completed_total{result="failed"}')).toBe(1);
});

describe("the port", () => {
  test("that is taken costs one warning and nothing else", async () => {
    await using site = await DirectSite.create();
    const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const env = { ...PROMETHEUS, OTEL_EXPORTER_PROMETHEUS_PORT: String(taken.port) };
    await using worker = await site.start({ env });
    await worker.waitForLog(
      /metrics are not exported this way; the worker goes on without exporter=prometheus/,
    );
    expect((await site.run(assignment())).state).toBe("completed");
    expect(await worker.stop()).toBe(0);
    expect(worker.stderr.match(/ WARN /g)).toHaveLength(1);
    await taken.stop(true);
  });

  test("answers /metrics, and nothing else", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: PROMETHEUS });
    const url = await metricsUrl(worker);
    expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
    expect((await fetch(new URL("/", url))).status).toBe(404);
  });
});

test("300 tasks run while it is scraped every 100 ms: each scrape is whole, counters only grow", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ env: PROMETHEUS });
  const url = await metricsUrl(worker);
  const tasks = assignments(300, { env: { AGENT_HOLD: "1" } });
  const held = site.holdAll(tasks);
  let over = false;
  const done = Promise.all(tasks.map((task) => site.plane.waitForTask(task.task_id))).then(() => {
    over = true;
  });
  // Scraped while they start, while all of them run, and while they end.
  let allRun = false;
  held.then(() => {
    allRun = true;
  });
  let last = new Map<string, number>();
  let scrapesOfAll = 0;
  while (!over) {
    const series = seriesOf(await scrape(url));
    for (const [name, value] of counters(last)) expect(series.get(name)).toBeGreaterThanOrEqual(value);
    last = series;
    if (allRun && series.get("oz_worker_tasks_active") === 300) scrapesOfAll += 1;
    if (scrapesOfAll === 3) for (const run of await held) run.release();
    await Promise.race([done, Bun.sleep(100)]); // waits: the scrape interval is what is tried
  }
  await done;
  const series = seriesOf(await scrape(url));
  expect(scrapesOfAll).toBeGreaterThanOrEqual(3);
  expect(series.get("oz_worker_tasks_claimed_total")).toBe(300);
  expect(series.get('oz_worker_tasks_completed_total{result="succeeded"}')).toBe(300);
  expect(series.get("oz_worker_tasks_active")).toBe(0);
}, 120_000);

test("on the console every metric is printed", async () => {
  await using site = await DirectSite.create();
  const env = { OTEL_METRICS_EXPORTER: "console", OTEL_METRIC_EXPORT_INTERVAL: "100" };
  await using worker = await site.start({ env });
  await worker.waitForStdout(/oz_worker_tasks_claimed_total/);
  await worker.waitForStdout(/oz_worker_info/);
  expect(await worker.stop()).toBe(0);
});

test("to several exporters at once goes the same", async () => {
  await using site = await DirectSite.create();
  const env = {
    ...PROMETHEUS,
    OTEL_METRICS_EXPORTER: "console,prometheus",
    OTEL_METRIC_EXPORT_INTERVAL: "100",
  };
  await using worker = await site.start({ env });
  await worker.waitForStdout(/oz_worker_info/);
  expect((await scrape(await metricsUrl(worker))).has("oz_worker_info")).toBe(true);
});

describe("a start with a wrong setting", () => {
  test.each([
    [
      "OTEL_METRICS_EXPORTER",
      "statsd",
      /OTEL_METRICS_EXPORTER is "statsd", which is none of otlp, prometheus, console, none/,
    ],
    [
      "OTEL_TRACES_EXPORTER",
      "zipkin",
      /OTEL_TRACES_EXPORTER is "zipkin", which is none of otlp, console, none/,
    ],
    [
      "OTEL_EXPORTER_OTLP_PROTOCOL",
      "tcp",
      /OTEL_EXPORTER_OTLP_PROTOCOL is "tcp", which is none of http\/protobuf, http\/json, grpc/,
    ],
  ])("%s=%s ends with status 2 and the choices", async (name, value, words) => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: { [name]: value }, connected: false });
    expect(await worker.finished()).toBe(2);
    expect(worker.stderr).toMatch(words);
    expect(site.plane.frames).toEqual([]);
  });

  test.each([
    ["OTEL_SDK_DISABLED", { OTEL_SDK_DISABLED: "true", OTEL_METRICS_EXPORTER: "statsd" }],
    ["OTEL_METRICS_EXPORTER=none", { OTEL_METRICS_EXPORTER: "none" }],
  ])("%s: the worker runs without metrics and without a word of them", async (_name, env) => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ env });
    expect((await site.run(assignment())).state).toBe("completed");
    expect(await worker.stop()).toBe(0);
    expect(worker.stderr).not.toMatch(/metrics|telemetry|WARN/);
  });
});
