/** How a collector is addressed, and what of its answers is worth another try. */
import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
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

/** A relay on the loopback address whose connections of now can be forgotten, without a word to either end. */
async function startForgetful(collectorPort: number) {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(collectorPort, "127.0.0.1");
    for (const socket of [client, upstream]) sockets.push(socket.on("error", () => {}));
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    forget: () => sockets.forEach((socket) => void socket.unpipe().pause()),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

// Once each export after that failed too, for as long as the system sends again what nobody takes: a quarter of an hour.
test.each(["grpc", "http/protobuf"])(
  "a connection that a firewall has forgotten costs one export over %s",
  async (protocol) => {
    await using collector = protocol === "grpc" ? await startGrpcCollector() : startHttpCollector();
    await using relay = await startForgetful(Number(new URL(collector.url).port));
    const { otlp } = chooseTelemetry({
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${relay.port}`,
    }).settings.metrics;
    const sender = await openSender({ ...otlp, timeoutMs: 2_000 }, "metrics", "1");
    const bytes = new Uint8Array([1]);
    await sender.send(bytes);
    relay.forget();
    await expect(sender.send(bytes)).rejects.toThrow();
    await sender.send(bytes);
    expect(collector.exports).toHaveLength(2);
    sender.close();
  },
);
