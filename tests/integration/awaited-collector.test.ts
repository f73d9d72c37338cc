/** Nobody named a collector: one is looked for at an address of this host, and told all once it answers. */
import { describe, expect, test } from "bun:test";
import { chooseTelemetry, type MetricsSettings } from "../../src/config/telemetry.ts";
import { dialTcp } from "../../src/runtime/dial.ts";
import { AwaitedCollector } from "../../src/telemetry/awaited-collector.ts";
import { ExportTrouble } from "../../src/telemetry/export-trouble.ts";
import { openMetrics } from "../../src/telemetry/metrics.ts";
import { Tally } from "../../src/telemetry/tally.ts";
import { metricsOfProtobuf } from "../support/otlp.ts";
import { startHttpCollector } from "../support/otlp-collector.ts";
import { eventually } from "../support/wait.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";
import { sampleFigures } from "../unit/telemetry/sample-figures.ts";

const EVERY_MS = "50";

/** As where no endpoint is set, but that the collector's port is not the one of all collectors. */
function settingsFor(url: string, environment: Record<string, string> = {}): MetricsSettings {
  const { settings } = chooseTelemetry({ OTEL_METRIC_EXPORT_INTERVAL: EVERY_MS, ...environment });
  expect(settings.metrics.otlp.endpointGiven).toBe(false);
  return { ...settings.metrics, otlp: { ...settings.metrics.otlp, endpoint: `${url}/v1/metrics` } };
}

function openFor(url: string, environment: Record<string, string> = {}) {
  const log = recordLog();
  const tally = new Tally();
  const resource = { version: "1", workerId: "w", backend: "direct", instanceId: "i", given: {} };
  const settings = settingsFor(url, environment);
  return {
    log,
    tally,
    opened: openMetrics({ settings, resource, tally, worker: sampleFigures(), log }),
  };
}

/** An address at which nobody answers. */
async function nobodysUrl(): Promise<string> {
  await using collector = startHttpCollector();
  return collector.url;
}

describe("a collector that nobody named", () => {
  test("that is there is told at the first interval, and again at each that follows", async () => {
    await using collector = startHttpCollector();
    const { log, opened } = openFor(collector.url);
    const pipeline = await opened;
    await eventually(() => collector.exports.length >= 3, "three exports");
    await pipeline.close();
    expect(log.said()).toEqual([]);
  });

  test("that is not there costs one warning; once it is, it is told what was counted from the start", async () => {
    const url = await nobodysUrl();
    const { log, tally, opened } = openFor(url);
    const pipeline = await opened;
    tally.claimed = 7;
    await eventually(() => log.said("debug").length > 0, "a second failure, which is not warned of");
    expect(log.said("warn")).toEqual([
      "metrics could not be exported; nothing more is said until that works",
    ]);
    expect(log.lines.find(({ fields }) => "hint" in fields)?.fields["why"]).toMatch(
      /^no collector at 127\.0\.0\.1:\d+, where one is looked for: ./,
    );
    await using collector = startHttpCollector(undefined, Number(new URL(url).port));
    await eventually(() => collector.exports.length > 0, "an export");
    await eventually(() => log.said("info").length > 0, "word that it works");
    await pipeline.close();
    expect(log.said("info")).toEqual(["metrics are exported again"]);
    const { metrics } = metricsOfProtobuf(collector.exports[0]?.body ?? new Uint8Array());
    expect(metrics.get("oz_worker_tasks_claimed_total")?.points[0]?.value).toBe(7);
  });

  test("that comes up just before the worker stops has the last figures", async () => {
    await using collector = startHttpCollector();
    const { opened } = openFor(collector.url, { OTEL_METRIC_EXPORT_INTERVAL: "60000" });
    await (await opened).close();
    expect(collector.exports).toHaveLength(1);
  });

  test("that never was is not worth a word when the worker stops before it was looked for", async () => {
    const { log, opened } = openFor(await nobodysUrl(), { OTEL_METRIC_EXPORT_INTERVAL: "60000" });
    await (await opened).close();
    expect(log.said("warn")).toEqual([]);
  });

  test("is not told anything, and what it takes to tell it is not loaded, before it answers", async () => {
    const url = new URL(await nobodysUrl());
    const log = recordLog();
    let opened = 0;
    const awaited = new AwaitedCollector({
      address: { host: url.hostname, port: Number(url.port) },
      everyMs: Number(EVERY_MS),
      trouble: new ExportTrouble(log, "metrics", ""),
      open: async () => {
        opened += 1;
        return { exportNow: async () => {}, close: async () => {} };
      },
    });
    await eventually(() => log.said("debug").length > 1, "three looks");
    expect(opened).toBe(0);
    await using collector = startHttpCollector(undefined, Number(url.port));
    await eventually(() => opened > 0, "what exports to be loaded");
    await awaited.close();
    expect(opened).toBe(1);
    expect(collector.exports).toHaveLength(0);
  });

  test("that is there and cannot be told, for a certificate that is not there, is not called absent", async () => {
    await using collector = startHttpCollector();
    const { log, opened } = openFor(collector.url, { OTEL_EXPORTER_OTLP_CERTIFICATE: "/nowhere/ca.pem" });
    const pipeline = await opened;
    await eventually(() => log.said("warn").length > 0, "a warning");
    await pipeline.close();
    expect(log.lines[0]?.fields["why"]).toMatch(/^Cannot read the certificate or key "\/nowhere\/ca\.pem"/);
  });

  // Once looked for again at the stop, and what exports opened a second time.
  test("that was found is not looked for again when the worker stops", async () => {
    let connections = 0;
    const count = { open: () => void connections++, data: () => {} };
    using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: count });
    const address = { host: "127.0.0.1", port: server.port };
    const exported = Promise.withResolvers<void>();
    const awaited = new AwaitedCollector({
      address,
      everyMs: Number(EVERY_MS),
      trouble: new ExportTrouble(recordLog(), "metrics", ""),
      open: async () => ({ exportNow: async () => exported.resolve(), close: async () => {} }),
    });
    await exported.promise;
    await awaited.close();
    // They are accepted in their order: one of the stop's would come before this.
    const last = await dialTcp(address.host, address.port, null, AbortSignal.timeout(5_000));
    await eventually(() => connections > 1, "the test's own connection");
    last.close();
    expect(connections).toBe(2);
  });
});
