/** A collector behind TLS with a CA of its own, which wants to see a certificate of the worker's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { chooseTelemetry, type OtlpSettings } from "../../src/config/telemetry.ts";
import { openSender } from "../../src/telemetry/open-sender.ts";
import { ConnectProxy } from "../support/connect-proxy.ts";
import { TestPki } from "../support/test-pki.ts";

let pki: TestPki;

beforeAll(async () => {
  pki = await TestPki.create();
  await pki.authority("other");
  await pki.certificate("elsewhere", "ca", "DNS:elsewhere.test,IP:127.0.0.2");
});

afterAll(() => pki[Symbol.asyncDispose]());

interface Collector extends AsyncDisposable {
  readonly endpoint: string;
  readonly taken: Uint8Array[];
}

async function httpCollector(name = "server"): Promise<Collector> {
  const taken: Uint8Array[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: {
      ...pki.pair(name),
      requestCert: true,
      rejectUnauthorized: true,
    },
    async fetch(request) {
      taken.push(new Uint8Array(await request.arrayBuffer()));
      return new Response();
    },
  });
  const endpoint = `https://127.0.0.1:${server.port}/v1/metrics`;
  return { endpoint, taken, [Symbol.asyncDispose]: async () => void (await server.stop(true)) };
}

async function grpcCollector(name = "server"): Promise<Collector> {
  const taken: Uint8Array[] = [];
  const server = new Server();
  const whole = (bytes: Buffer) => bytes;
  const codec = {
    requestSerialize: whole,
    requestDeserialize: whole,
    responseSerialize: whole,
    responseDeserialize: whole,
  };
  const path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
  server.addService(
    { export: { path, requestStream: false, responseStream: false, ...codec } },
    {
      export: (call: { request: Buffer }, done: sendUnaryData<Buffer>) => {
        taken.push(new Uint8Array(call.request));
        done(null, Buffer.alloc(0));
      },
    },
  );
  const { ca, cert, key } = pki.pair(name);
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(
    "127.0.0.1:0",
    ServerCredentials.createSsl(Buffer.from(ca), [pair], true),
    (error, port) => (error === null ? resolve(port) : reject(error)),
  );
  const endpoint = `https://127.0.0.1:${await promise}`;
  return { endpoint, taken, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}

function settings(protocol: OtlpSettings["protocol"], endpoint: string, ca: string, client: string | null) {
  const { otlp } = chooseTelemetry({}).settings.metrics;
  return {
    ...otlp,
    protocol,
    endpoint,
    timeoutMs: 900,
    certificate: pki.dir.join(`${ca}.pem`),
    clientCertificate: client === null ? null : pki.dir.join(`${client}.pem`),
    clientKey: client === null ? null : pki.dir.join(`${client}.key`),
  };
}

const PROTOCOLS = [
  ["http/protobuf", httpCollector],
  ["grpc", grpcCollector],
] as const;

describe.each(PROTOCOLS)("over %s", (protocol, start) => {
  test("a collector with a CA of its own is trusted, and gets the worker's certificate", async () => {
    await using collector = await start();
    const sender = await openSender(settings(protocol, collector.endpoint, "ca", "client"), "metrics", "1");
    await sender.send(new Uint8Array([1, 2, 3]));
    sender.close();
    expect(collector.taken).toEqual([new Uint8Array([1, 2, 3])]);
  });

  test.each([
    ["one whose CA is another", "other", "client"],
    ["one that wants a certificate when there is none", "ca", null],
  ])("%s gets nothing", async (_name, ca, client) => {
    await using collector = await start();
    const sender = await openSender(settings(protocol, collector.endpoint, ca, client), "metrics", "1");
    expect(
      await sender.send(new Uint8Array([1])).then(
        () => "sent",
        () => "failed",
      ),
    ).toBe("failed");
    sender.close();
    expect(collector.taken).toEqual([]);
  });

  test("one with a certificate for another host gets nothing, and one asked for by its name all", async () => {
    await using elsewhere = await start("elsewhere");
    const wrong = await openSender(settings(protocol, elsewhere.endpoint, "ca", "client"), "metrics", "1");
    expect(
      await wrong.send(new Uint8Array([1])).then(
        () => "sent",
        () => "failed",
      ),
    ).toBe("failed");
    wrong.close();
    await using named = await start();
    const endpoint = named.endpoint.replace("127.0.0.1", "localhost");
    const right = await openSender(settings(protocol, endpoint, "ca", "client"), "metrics", "1");
    await right.send(new Uint8Array([2]));
    right.close();
    expect([elsewhere.taken.length, named.taken.length]).toEqual([0, 1]);
  });

  test("a certificate that cannot be read is named", async () => {
    const broken = {
      ...settings(protocol, "https://127.0.0.1:9", "ca", null),
      certificate: "/nowhere/ca.pem",
    };
    expect(openSender(broken, "metrics", "1")).rejects.toThrow(
      /^Cannot read the certificate or key "\/nowhere\/ca\.pem": there is no such file/,
    );
  });
});

test("over grpc a proxy's tunnel leads to it, and its certificate is looked at as ever", async () => {
  await using proxy = await ConnectProxy.start();
  await using right = await grpcCollector();
  await using wrong = await grpcCollector("elsewhere");
  const through = proxy.url.replace("//", "//user:pa%40ss@");
  const send = async ({ endpoint }: Collector) => {
    const sender = await openSender(
      { ...settings("grpc", endpoint, "ca", "client"), proxy: through },
      "metrics",
      "1",
    );
    await sender.send(new Uint8Array([1])).finally(() => sender.close());
  };
  await send(right);
  expect(right.taken).toHaveLength(1);
  const credentials = `Basic ${btoa("user:pa@ss")}`;
  const host = new URL(right.endpoint).host;
  expect(proxy.tunnels).toEqual([{ request: `CONNECT ${host} HTTP/1.1`, credentials }]);
  await expect(send(wrong)).rejects.toThrow(
    `through the proxy ${new URL(proxy.url).host} ended with UNAVAILABLE`,
  );
  expect(wrong.taken).toEqual([]);
});

test("over grpc a proxy that is itself behind TLS is refused in words", async () => {
  const behindTls = { ...settings("grpc", "https://c:1", "ca", null), proxy: "https://proxy:3128" };
  await expect(openSender(behindTls, "metrics", "1")).rejects.toThrow(/plain HTTP only: set HTTPS_PROXY/);
});
