/** The compiled worker and a collector: over each protocol, and with collectors that are bad at it. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { ConnectProxy } from "../support/connect-proxy.ts";
import { DirectSite } from "../support/direct-site.ts";
import { metricsOfJson, metricsOfProtobuf, type ReceivedMetrics, spansOfProtobuf } from "../support/otlp.ts";
import { type Collector, startGrpcCollector, startHttpCollector } from "../support/otlp-collector.ts";

const TOKEN = "tok-4711-collector";
const METRICS_PATH = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

interface Protocol {
  readonly name: string;
  readonly path: string;
  readonly start: () => Promise<Collector>;
  readonly decode: (bytes: Uint8Array) => ReceivedMetrics;
}

const PROTOCOLS: readonly Protocol[] = [
  {
    name: "http/protobuf",
    path: "/v1/metrics",
    start: async () => startHttpCollector(),
    decode: metricsOfProtobuf,
  },
  { name: "http/json", path: "/v1/metrics", start: async () => startHttpCollector(), decode: metricsOfJson },
  { name: "grpc", path: METRICS_PATH, start: startGrpcCollector, decode: metricsOfProtobuf },
];

function environment(collector: { readonly url: string }, more: Record<string, string> = {}) {
  return {
    OTEL_METRICS_EXPORTER: "otlp",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_METRIC_EXPORT_INTERVAL: "200",
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${TOKEN}`,
    ...more,
  };
}

/** Until the last export, which is sent when the worker stops, was taken in. */
async function lastMetrics(collector: Collector, protocol: Protocol): Promise<ReceivedMetrics> {
  const last = collector.exports.findLast(({ path }) => path === protocol.path);
  return protocol.decode(last?.body ?? new Uint8Array());
}

describe.each(PROTOCOLS)("over $name", (protocol) => {
  test.each(["none", "gzip"])(
    "a collector gets every metric, its resource and the headers (compression: %s)",
    async (compression) => {
      await using collector = await protocol.start();
      await using site = await DirectSite.create();
      const env = environment(collector, {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol.name,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_RESOURCE_ATTRIBUTES: "team=blue",
      });
      await using worker = await site.start({ env, flags: ["--log-level", "debug"] });
      await collector.waitFor(({ path }) => path === protocol.path);
      await site.run(assignment({}));
      await site.run(assignment({ env: { AGENT_EXIT: "1" } }));
      expect(await worker.stop()).toBe(0);
      const { resource, metrics } = await lastMetrics(collector, protocol);
      expect(resource).toMatchObject({
        "service.name": "oz-agent-worker",
        "service.version": expect.stringMatching(/^\d/),
        "worker.id": "bar",
        "worker.backend": "direct",
        team: "blue",
      });
      const completed = metrics.get("oz_worker_tasks_completed_total");
      expect(completed).toMatchObject({ type: "sum", monotonic: true, temporality: "cumulative", unit: "" });
      expect(completed?.points.map(({ attributes, value }) => [attributes["result"], value])).toEqual([
        ...[
          ["succeeded", 1],
          ["failed", 1],
          ["cancelled", 0],
          ["dispatched", 0],
        ],
      ]);
      expect(metrics.get("oz_worker_task_failures_total")?.points).toHaveLength(87);
      expect(metrics.get("oz_worker_connected")).toMatchObject({ type: "gauge", points: [{ value: 0 }] });
      expect(metrics.get("oz_worker_info")?.points[0]?.attributes).toMatchObject({
        worker_id: "bar",
        backend: "direct",
      });
      const duration = metrics.get("oz_worker_task_duration_seconds");
      expect(duration).toMatchObject({ type: "histogram", unit: "s", temporality: "cumulative" });
      expect(duration?.points).toMatchObject([
        { attributes: { result: "succeeded" }, value: 1 },
        { attributes: { result: "failed" }, value: 1 },
        { attributes: { result: "cancelled" }, value: 0 },
        { attributes: { result: "dispatched" }, value: 0 },
      ]);
      const { bounds, counts, sum = Number.NaN } = duration?.points[0] ?? {};
      expect(bounds).toEqual([
        ...[1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 86_400],
      ]);
      // A second is not much on a busy machine.
      const bucket = [...(bounds ?? []), Number.POSITIVE_INFINITY].findIndex((most) => sum <= most);
      expect(counts).toEqual(Array.from({ length: 15 }, (_, at) => (at === bucket ? 1 : 0)));
      expect(collector.exports[0]?.headers["authorization"]).toBe(`Bearer ${TOKEN}`);
      expect(worker.stdout + worker.stderr).not.toContain(TOKEN);
      expect(worker.stderr).not.toMatch(/could not be exported/);
    },
  );
});

test("a collector on this host is not looked for behind the proxy", async () => {
  await using collector = startHttpCollector();
  await using site = await DirectSite.create();
  const env = environment(collector, { HTTP_PROXY: "http://127.0.0.1:9", NO_PROXY: "" });
  await using worker = await site.start({ env, connected: false });
  await collector.waitFor(() => true);
  worker.kill("SIGKILL");
});

describe("over grpc", () => {
  const GRPC = { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
  /** This host too, and by the look of it another. */
  const asElsewhere = ({ url }: Collector) => ({ url: url.replace("127.0.0.1", "0.0.0.0") });

  test("a collector on this host is told directly, whatever proxy there is", async () => {
    await using collector = await startGrpcCollector();
    await using site = await DirectSite.create();
    const env = environment(collector, { ...GRPC, https_proxy: "http://127.0.0.1:9" });
    await using _worker = await site.start({ env });
    await collector.waitFor(() => true);
  });

  test("one that is elsewhere is told through the proxy, in whatever case that is named", async () => {
    await using collector = await startGrpcCollector();
    await using proxy = await ConnectProxy.start();
    await using site = await DirectSite.create();
    const env = environment(asElsewhere(collector), { ...GRPC, HTTPS_PROXY: proxy.url });
    await using _worker = await site.start({ env });
    await collector.waitFor(() => true);
    expect(proxy.tunnels.map(({ request }) => request)).toEqual([
      `CONNECT 0.0.0.0:${new URL(collector.url).port} HTTP/1.1`,
    ]);
  });

  test("a proxy that is not there is one line of the log, and no others beside it", async () => {
    await using collector = await startGrpcCollector();
    await using site = await DirectSite.create();
    const proxied = { ...GRPC, https_proxy: `http://user:${TOKEN}@127.0.0.1:9` };
    await using worker = await site.start({
      env: environment(asElsewhere(collector), proxied),
      flags: ["--log-level", "debug", "--log-format", "json"],
    });
    await worker.waitForLog(/"metrics could not be exported".*through the proxy 127\.0\.0\.1:9 ended with/);
    await worker.stop();
    const levels = worker.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).level);
    expect(levels.filter((level) => level === "warn")).toHaveLength(1);
    expect(worker.stderr + worker.stdout).not.toContain(TOKEN);
  });
});

test("with delta temporality each export tells what came since the last, and nothing twice", async () => {
  await using collector = startHttpCollector();
  await using site = await DirectSite.create();
  const env = environment(collector, { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta" });
  await using worker = await site.start({ env });
  await site.run(assignment({}));
  await collector.waitFor(() => true);
  await site.run(assignment({}));
  await worker.stop();
  const all = collector.exports.map(({ body }) => metricsOfProtobuf(body).metrics);
  const sum = (name: string) =>
    all.flatMap((metrics) => metrics.get(name)?.points ?? []).reduce((total, { value }) => total + value, 0);
  expect(sum("oz_worker_tasks_claimed_total")).toBe(2);
  expect(sum("oz_worker_task_duration_seconds")).toBe(2);
  expect(all.at(-1)?.get("oz_worker_tasks_claimed_total")?.temporality).toBe("delta");
});

describe("a bad collector costs one warning and no task", () => {
  const BAD: readonly [string, () => Collector | { url: string; [Symbol.asyncDispose](): Promise<void> }][] =
    [
      ["dead: nobody listens", () => ({ url: "http://127.0.0.1:9", async [Symbol.asyncDispose]() {} })],
      ["slow: never answers", () => startHttpCollector(() => new Promise<Response>(() => {}))],
      ["refusing every time", () => startHttpCollector(() => new Response("no", { status: 400 }))],
      [
        "showing back what it got",
        () =>
          startHttpCollector(
            ({ headers }) =>
              new Response(headers["authorization"] ?? "", {
                status: 403,
                statusText: headers["authorization"] ?? "",
              }),
          ),
      ],
      [
        "sending elsewhere",
        () => startHttpCollector(() => Response.redirect("http://127.0.0.1:9/else", 307)),
      ],
      [
        "asking to come back next year",
        () =>
          startHttpCollector(() => new Response("", { status: 503, headers: { "Retry-After": "31536000" } })),
      ],
    ];
  test.each(BAD)("%s", async (_name, start) => {
    await using collector = start();
    await using site = await DirectSite.create();
    const env = environment(collector, {
      OTEL_METRIC_EXPORT_TIMEOUT: "100",
      OTEL_EXPORTER_OTLP_TIMEOUT: "100",
    });
    await using worker = await site.start({ env, flags: ["--log-level", "debug"] });
    await worker.waitForLog(/DEBUG metrics could not be exported/);
    expect((await site.run(assignment())).state).toBe("completed");
    const startedAt = performance.now();
    expect(await worker.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_500);
    expect(worker.stderr.match(/WARN {2}metrics could not be exported; nothing more is said/g)).toHaveLength(
      1,
    );
    expect(worker.stderr.match(/ (?:WARN|ERROR) /g)).toHaveLength(1);
    // Once it said what went wrong, and not where.
    expect(worker.stderr).toMatch(
      new RegExp(`why="[^"]*${new URL(collector.url).host}/v1/metrics[^"]*" .* hint=.*4318`),
    );
    expect(worker.stderr).toMatch(/INFO {2}metrics could not be exported to the end failures=\d+/);
    expect(worker.stdout + worker.stderr).not.toContain(TOKEN);
  });

  /** The runtime's own words for it have the whole address. */
  test("that speaks another protocol does not get the token in its address shown", async () => {
    await using collector = await startGrpcCollector();
    await using site = await DirectSite.create();
    const env = environment(
      { url: `${collector.url}/?api-key=${TOKEN}` },
      { OTEL_EXPORTER_OTLP_HEADERS: "" },
    );
    await using worker = await site.start({ env });
    await worker.waitForLog(/WARN {2}metrics could not be exported/);
    expect(worker.stderr).not.toContain(TOKEN);
  });

  test.each(["http/protobuf", "grpc"])(
    "that is told a header with a colon (%s) is told nothing of it, and the log neither",
    async (protocol) => {
      await using collector = await (protocol === "grpc" ? startGrpcCollector() : startHttpCollector());
      await using site = await DirectSite.create();
      const env = environment(collector, {
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_HEADERS: `Authorization: Bearer ${TOKEN}==`,
      });
      await using worker = await site.start({ env });
      await collector.waitFor(() => true);
      await worker.waitForLog(/WARN {2}telemetry setting ignored why="OTEL_EXPORTER_OTLP_HEADERS holds/);
      expect(worker.stderr).not.toContain(TOKEN);
    },
  );

  test("with a short interval it is told of soon, and exports do not pile up", async () => {
    let underway = 0;
    let most = 0;
    await using collector = startHttpCollector(() => {
      underway += 1;
      most = Math.max(most, underway);
      return new Promise<Response>(() => {});
    });
    await using site = await DirectSite.create();
    const env = environment(collector, { OTEL_METRIC_EXPORT_INTERVAL: "500" });
    await using worker = await site.start({ env, flags: ["--log-level", "debug"] });
    await collector.waitFor(() => true);
    // Not after the 10 s that a single export may take with a longer interval.
    await worker.waitForLog(/metrics could not be exported; nothing more is said/, 6_000);
    expect(most).toBeLessThan(10);
    worker.kill("SIGKILL");
  });

  test("lying: it says that it took everything, in words that mean nothing", async () => {
    await using collector = startHttpCollector(() => new Response("<html>Welcome</html>"));
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: environment(collector) });
    await collector.waitFor(() => collector.exports.length > 1);
    expect(await worker.stop()).toBe(0);
    expect(worker.stderr).not.toMatch(/WARN/);
  });

  test("an answer that never ends is not read to its end", async () => {
    const endless = () =>
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
    await using collector = startHttpCollector(() => new Response(endless()));
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: environment(collector) });
    await collector.waitFor(() => collector.exports.length > 3);
    expect(await worker.stop()).toBe(0);
  });

  test("one that is slow to start is found, and that is said", async () => {
    let ready = false;
    await using collector = startHttpCollector(() => new Response("", { status: ready ? 200 : 400 }));
    await using site = await DirectSite.create();
    await using worker = await site.start({ env: environment(collector) });
    await worker.waitForLog(/metrics could not be exported/);
    await collector.waitFor(() => collector.exports.length > 2);
    ready = true;
    await worker.waitForLog(/INFO {2}metrics are exported again afterFailures=\d+/);
  });

  test("a slow one does not hold the stop for more than 5 s", async () => {
    await using collector = startHttpCollector(() => new Promise<Response>(() => {}));
    await using site = await DirectSite.create();
    await using worker = await site.start({
      env: environment(collector, { OTEL_METRIC_EXPORT_INTERVAL: "60000" }),
    });
    await worker.waitForLog(/worker ready/);
    await site.run(assignment());
    const startedAt = performance.now();
    expect(await worker.stop()).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(6_500);
    expect(worker.stderr).toMatch(/telemetry could not be sent to the end seconds=5/);
  });
});

test("without a word of configuration a stop is quick, and says nothing of a collector", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  await site.run(assignment());
  const startedAt = performance.now();
  expect(await worker.stop()).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  expect(worker.stderr).not.toMatch(/WARN|export/);
});

describe("traces", () => {
  test("of a task: its span with events, one for each step and for the report, and the agent joins in", async () => {
    await using collector = startHttpCollector();
    await using site = await DirectSite.create();
    const env = environment(collector, { OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_EXPORTER: "otlp" });
    await using worker = await site.start({ env });
    const { taskId } = await site.run(assignment({ title: "the title" }));
    const failed = await site.run(assignment({ env: { AGENT_EXIT: "4" } }));
    await worker.stop();
    const spans = collector.exports
      .filter(({ path }) => path === "/v1/traces")
      .flatMap(({ body }) => spansOfProtobuf(body));
    const root = spans.find(
      ({ name, attributes }) => name === "oz_worker.task" && attributes["task.id"] === taskId,
    );
    expect(root).toMatchObject({ parentSpanId: "", status: "ok", attributes: { "task.title": "the title" } });
    expect(root?.events.map(({ name }) => name)).toEqual([
      ...["task.assigned", "task.claimed", "task.started", "backend.started", "task.completed"],
    ]);
    const below = spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
    expect(below.map(({ name }) => name).sort()).toEqual([
      "oz_worker.cleanup",
      "oz_worker.report",
      "oz_worker.run",
    ]);
    expect(site.agent.runs(taskId)[0]?.env["TRACEPARENT"]).toBe(`00-${root?.traceId}-${root?.spanId}-01`);
    const other = spans.find(
      ({ name, attributes }) => name === "oz_worker.task" && attributes["task.id"] === failed.taskId,
    );
    expect(other?.status).toBe("error");
    expect(other?.events.at(-1)).toEqual({
      name: "task.failed",
      attributes: {
        "failure.phase": "backend",
        "failure.reason": "agent_invocation",
        "error.message": expect.stringContaining("status 4"),
      },
    });
  });

  test("by a protocol of their own go in that one", async () => {
    await using collector = startHttpCollector();
    await using site = await DirectSite.create();
    const env = environment(collector, {
      OTEL_METRICS_EXPORTER: "none",
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    });
    await using worker = await site.start({ env });
    await site.run(assignment({ title: "in words" }));
    await worker.stop();
    const [first] = collector.exports;
    expect(first?.headers["content-type"]).toBe("application/json");
    const text = new TextDecoder().decode(first?.body);
    expect(() => JSON.parse(text)).not.toThrow();
    expect(text).toMatch(/"oz_worker\.task".*"in words"/);
  });

  test("on the console each span is printed, with its events", async () => {
    await using site = await DirectSite.create();
    const env = { OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_EXPORTER: "console" };
    await using worker = await site.start({ env });
    const { taskId } = await site.run(assignment());
    expect(await worker.stop()).toBe(0);
    for (const name of ["oz_worker.run", "oz_worker.report", "oz_worker.task", "task.completed"]) {
      expect(worker.stdout).toMatch(new RegExp(`name: ["']${name}["']`));
    }
    expect(worker.stdout).toContain(taskId);
  });

  test("that nobody asked for leave no trace in the task's environment", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ env: { OTEL_METRICS_EXPORTER: "none" } });
    const { taskId } = await site.run(assignment());
    expect(site.agent.runs(taskId)[0]?.env).not.toHaveProperty("TRACEPARENT");
  });
});

const isTaken = await Bun.connect({ hostname: "localhost", port: 4318, socket: { data: () => {} } }).then(
  (socket) => {
    socket.end();
    return true;
  },
  () => false,
);

test.skipIf(isTaken)("where nobody named a collector and none is there, that is told once", async () => {
  await using site = await DirectSite.create();
  const env = { OTEL_METRICS_EXPORTER: "otlp", OTEL_METRIC_EXPORT_INTERVAL: "100" };
  await using worker = await site.start({ env, flags: ["--log-level", "debug"] });
  await worker.waitForLog(/WARN {2}metrics could not be exported; .*no collector at localhost:4318/);
  await worker.waitForLog(/DEBUG metrics could not be exported .*failures=5/);
  expect((await site.run(assignment())).state).toBe("completed");
  expect(await worker.stop()).toBe(0);
  expect(worker.stderr.match(/ (?:WARN|ERROR) /g)).toHaveLength(1);
});
