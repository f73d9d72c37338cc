/** How a collector is addressed, and what of its answers is worth another try. */
import { describe, expect, test } from "bun:test";
import { chooseTelemetry } from "../../src/config/telemetry.ts";
import { openSender } from "../../src/telemetry/open-sender.ts";
import { startGrpcCollector, startHttpCollector } from "../support/otlp-collector.ts";

/** Shorter than the pause before another try that nobody asked for. */
const TIMEOUT_MS = 700;
/** Loading gRPC's library counts, and a busy machine takes its time for it. */
const PATIENT_MS = 20_000;

async function send(
  env: Readonly<Record<string, string>>,
  timeoutMs = TIMEOUT_MS,
): Promise<"taken" | "refused"> {
  const { otlp } = chooseTelemetry(env).settings.metrics;
  const sender = await openSender({ ...otlp, timeoutMs }, "metrics", "1");
  try {
    return await sender.send(new Uint8Array([1])).then(
      () => "taken",
      () => "refused",
    );
  } finally {
    sender.close();
  }
}

describe("over HTTP", () => {
  test.each([429, 502, 503, 504])("%d is tried again when the collector asked for that", async (status) => {
    await using collector = startHttpCollector((_, nth) =>
      nth === 1 ? new Response("", { status, headers: { "Retry-After": "0" } }) : new Response(),
    );
    expect(await send({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toBe("taken");
    expect(collector.exports).toHaveLength(2);
  });

  test.each([400, 401, 413, 500, 501])("%d is final, whatever is asked for", async (status) => {
    await using collector = startHttpCollector(
      () => new Response("", { status, headers: { "Retry-After": "0" } }),
    );
    expect(await send({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toBe("refused");
    expect(collector.exports).toHaveLength(1);
  });

  test.each([200, 202, 299])("%d is taken", async (status) => {
    await using collector = startHttpCollector(() => new Response("", { status }));
    expect(await send({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toBe("taken");
  });
});

describe("over gRPC, to a collector without TLS,", () => {
  test.each<[string, Record<string, string>, "taken" | "refused"]>([
    ["http://", {}, "taken"],
    ["HTTP://", {}, "taken"],
    ["", { OTEL_EXPORTER_OTLP_INSECURE: "True" }, "taken"],
    ["", { OTEL_EXPORTER_OTLP_INSECURE: "True", OTEL_EXPORTER_OTLP_METRICS_INSECURE: "false" }, "refused"],
    // As every client of gRPC has it: nothing said is TLS.
    ["", {}, "refused"],
    ["https://", { OTEL_EXPORTER_OTLP_INSECURE: "true" }, "refused"],
    ["HTTPS://", {}, "refused"],
  ])("%pHOST:PORT with %j is %s", async (scheme, env, end) => {
    await using collector = await startGrpcCollector();
    const endpoint = `${scheme}${new URL(collector.url).host}/`;
    const grpc = { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
    // What is refused is tried until time is up.
    expect(await send(grpc, end === "taken" ? PATIENT_MS : TIMEOUT_MS)).toBe(end);
    expect(collector.exports).toHaveLength(end === "taken" ? 1 : 0);
  });
});
