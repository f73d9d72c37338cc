/** What doctor says of metrics, traces and health. */
import { describe, expect, test } from "bun:test";
import { never } from "../../src/async/wait.ts";
import { chooseTelemetry } from "../../src/config/telemetry.ts";
import { checkHealth } from "../../src/doctor/health.ts";
import { checkMetrics, checkTraces } from "../../src/doctor/metrics.ts";
import { ConnectProxy } from "../support/connect-proxy.ts";
import { startHttpCollector } from "../support/otlp-collector.ts";
import { TestPki } from "../support/test-pki.ts";

type Env = Readonly<Record<string, string>>;

function input(env: Env) {
  return { proxyVariables: env, stop: never() };
}

function metrics(env: Env) {
  return checkMetrics(chooseTelemetry(env).settings, input(env));
}

function traces(env: Env) {
  return checkTraces(chooseTelemetry(env).settings, input(env));
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  server.stop(true);
  return server.port;
}

describe("a collector", () => {
  test("that answers is told without password and query, and is sent nothing", async () => {
    await using collector = startHttpCollector(() => new Response());
    const { host } = new URL(collector.url);
    const endpoint = `http://user:pass-word@${host}/?token=t0ken`;
    expect(await metrics({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toEqual([
      {
        name: "metrics",
        status: "ok",
        detail: `OTLP (http/protobuf) to http://${host}/v1/metrics, where somebody answers`,
      },
    ]);
    expect(collector.exports).toHaveLength(0);
  });

  test.each(["http/json", "grpc"])(
    "that was named and does not answer is a warning (%s)",
    async (protocol) => {
      const port = await closedPort();
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_TRACES_EXPORTER: "otlp",
      };
      const [found] = await metrics(env);
      expect(found?.detail).toStartWith(`OTLP (${protocol}) to http://127.0.0.1:${port}`);
      // Once without the system's word for it.
      expect(found?.detail).toEndWith(": Failed to connect (ECONNREFUSED)");
      expect(found).toMatchObject({
        status: "warn",
        hint: expect.stringContaining("OTEL_METRICS_EXPORTER=none"),
      });
      expect(await traces(env)).toEqual([
        expect.objectContaining({
          name: "traces",
          status: "warn",
          hint: expect.stringContaining("OTEL_TRACES_EXPORTER=none"),
        }),
      ]);
    },
  );

  test("that nobody named need not be there", async () => {
    const [found] = await metrics({});
    expect(found?.status).toBe("ok");
    expect(found?.detail).toStartWith("OTLP (http/protobuf) to http://localhost:4318/v1/metrics, ");
  });

  test("of gRPC is one by host and port alone", async () => {
    const port = await closedPort();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `127.0.0.1:${port}`, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
    expect((await metrics(env))[0]?.detail).toStartWith(`OTLP (grpc) to https://127.0.0.1:${port}: `);
  });

  test("behind a proxy is looked for at the proxy, of which the password is not told", async () => {
    await using proxy = await ConnectProxy.start();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test:4318",
      HTTP_PROXY: proxy.url.replace("//", "//user:pass-word@"),
    };
    expect((await metrics(env))[0]).toMatchObject({
      status: "ok",
      detail: `OTLP (http/protobuf) to http://collector.test:4318/v1/metrics through the proxy 127.0.0.1:${proxy.port}, where somebody answers`,
    });
  });

  // The exporters ask no proxy for it either.
  test("on this host is looked for there, past a proxy", async () => {
    await using collector = startHttpCollector(() => new Response());
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, HTTP_PROXY: "http://proxy.invalid:3128" };
    expect((await metrics(env))[0]).toMatchObject({
      status: "ok",
      detail: `OTLP (http/protobuf) to ${new URL(collector.url).origin}/v1/metrics, where somebody answers`,
    });
  });

  // Once "somebody answers", of one to which nothing was ever exported.
  test.each(["http/protobuf", "grpc"])(
    "by TLS has to be one whose certificate is good (%s)",
    async (protocol) => {
      await using pki = await TestPki.create();
      const tls = { cert: pki.pem("server.pem"), key: pki.pem("server.key") };
      await using server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: () => new Response() });
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${server.port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      };
      const [unknown] = await metrics(env);
      expect(unknown).toMatchObject({ status: "warn", hint: expect.stringContaining("OTLP_CERTIFICATE") });
      expect(unknown?.detail).toMatch(/: unable to .*CERT|: self.signed.*CERT|VERIFY_LEAF_SIGNATURE/);
      const [known] = await metrics({ ...env, OTEL_EXPORTER_OTLP_CERTIFICATE: pki.dir.join("ca.pem") });
      expect(known).toMatchObject({
        status: "ok",
        detail: expect.stringContaining("where somebody answers"),
      });
    },
  );

  test("whose certificate cannot be read is a warning, whoever answers", async () => {
    await using collector = startHttpCollector(() => new Response());
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/no/such.pem",
    };
    expect((await metrics(env))[0]).toMatchObject({
      status: "warn",
      detail: expect.stringContaining('Cannot read the certificate or key "/no/such.pem"'),
    });
  });
});

describe("metrics", () => {
  test.each([
    ["none", "nothing is exported"],
    ["console", "written to standard output"],
  ])("of the exporter %s are told as that, and no traces", async (exporter, detail) => {
    expect(await metrics({ OTEL_METRICS_EXPORTER: exporter })).toEqual([
      { name: "metrics", status: "ok", detail },
    ]);
    expect(await traces({ OTEL_METRICS_EXPORTER: exporter })).toEqual([]);
  });

  test("name the settings that are ignored", async () => {
    const [found] = await metrics({ OTEL_METRICS_EXPORTER: "console", OTEL_METRIC_EXPORT_INTERVAL: "soon" });
    expect(found).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("setting ignored: OTEL_METRIC_EXPORT_INTERVAL"),
    });
  });
});

describe("an address to listen on", () => {
  const prometheus = (port: number) => ({
    OTEL_METRICS_EXPORTER: "prometheus",
    OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
  });

  test("that is free is free again after the look", async () => {
    const port = await closedPort();
    for (let times = 0; times < 2; times++) {
      expect(await metrics(prometheus(port))).toEqual([
        {
          name: "metrics",
          status: "ok",
          detail: `can be fetched at http://localhost:${port}/metrics for Prometheus`,
        },
      ]);
      expect(await checkHealth({ host: "127.0.0.1", port })).toEqual({
        name: "health",
        status: "ok",
        detail: `can be told at http://127.0.0.1:${port}`,
      });
    }
  });

  test("that is taken is a warning, for it may be a running worker's", async () => {
    await using taken = startHttpCollector(() => new Response());
    const port = Number(new URL(taken.url).port);
    const why = "somebody listens there already, perhaps a worker that runs";
    expect((await metrics(prometheus(port)))[0]).toMatchObject({
      status: "warn",
      detail: expect.stringContaining(why),
      hint: expect.stringContaining("OTEL_EXPORTER_PROMETHEUS_PORT"),
    });
    expect(await checkHealth({ host: "127.0.0.1", port })).toMatchObject({
      status: "warn",
      detail: expect.stringContaining(why),
      hint: expect.stringContaining("health_address"),
    });
  });

  test("that is none of this host is a warning", async () => {
    expect(await checkHealth({ host: "no-such-host.invalid", port: 1 })).toMatchObject({ status: "warn" });
  });
});
