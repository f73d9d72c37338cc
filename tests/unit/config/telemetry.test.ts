import { describe, expect, test } from "bun:test";
import { addressText, parseAddress } from "../../../src/config/address.ts";
import { LONGEST_TIMER_MS } from "../../../src/config/duration.ts";
import { hostSecrets } from "../../../src/config/host-secrets.ts";
import { chooseTelemetry } from "../../../src/config/telemetry.ts";

const of = (env: Record<string, string>) => chooseTelemetry(env).settings;

describe("the exporters", () => {
  const CASES: readonly [string, Record<string, string>, readonly string[], readonly string[]][] = [
    ["are OTLP for metrics and none for traces unless told", {}, ["otlp"], []],
    [
      "are not changed by empty variables",
      { OTEL_METRICS_EXPORTER: " ", OTEL_TRACES_EXPORTER: "" },
      ["otlp"],
      [],
    ],
    ["may be none", { OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_EXPORTER: "none" }, [], []],
    ["may be several", { OTEL_METRICS_EXPORTER: "otlp, Prometheus" }, ["otlp", "prometheus"], []],
    [
      "are none at all when the SDK is disabled",
      { OTEL_SDK_DISABLED: "TRUE", OTEL_TRACES_EXPORTER: "x" },
      [],
      [],
    ],
    [
      "are not disabled by another word",
      { OTEL_SDK_DISABLED: "yes", OTEL_TRACES_EXPORTER: "console" },
      ["otlp"],
      ["console"],
    ],
  ];
  test.each(CASES)("%s", (_name, env, metrics, traces) => {
    const { settings, problems } = chooseTelemetry(env);
    expect(problems).toEqual([]);
    expect<readonly string[]>(settings.metrics.exporters).toEqual(metrics);
    expect<readonly string[]>(settings.traces.exporters).toEqual(traces);
  });

  test("that nobody knows are all named, each with what there is", () => {
    const { problems } = chooseTelemetry({
      OTEL_METRICS_EXPORTER: "none,otlp",
      OTEL_TRACES_EXPORTER: "jaeger",
    });
    expect(problems).toEqual([
      // It was said to be "none", which is none of otlp, prometheus, console, none.
      'OTEL_METRICS_EXPORTER holds "none" beside others; give it alone, or leave it out',
      'OTEL_TRACES_EXPORTER is "jaeger", which is none of otlp, console, none',
    ]);
  });
});

describe("the endpoint", () => {
  const CASES: readonly [Record<string, string>, string][] = [
    [{}, "http://localhost:4318/v1/metrics"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:1" }, "http://c:1/v1/metrics"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/base/?k=v" }, "https://c/base/v1/metrics?k=v"],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://c/as/it/is" }, "http://c/as/it/is"],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://b" },
      "http://b/",
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "http://localhost:4317"],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317" }, "c:4317"],
  ];
  test.each(CASES)("of %j is %s", (env, endpoint) => {
    expect(of(env).metrics.otlp.endpoint).toBe(endpoint);
  });

  test("that is no URL is a problem, and is not shown", () => {
    const { problems } = chooseTelemetry({ OTEL_EXPORTER_OTLP_ENDPOINT: "user:pass@host" });
    expect(problems).toEqual([
      "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that starts with http:// or https://",
    ]);
  });

  test("is nobody's business without OTLP", () => {
    const env = {
      OTEL_METRICS_EXPORTER: "prometheus",
      OTEL_EXPORTER_OTLP_ENDPOINT: "?",
      OTEL_EXPORTER_OTLP_PROTOCOL: "?",
    };
    expect(chooseTelemetry(env).problems).toEqual([]);
  });
});

describe("the proxy to a collector that is told by gRPC", () => {
  const via = (endpoint: string, env: Record<string, string>) =>
    of({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env }).metrics.otlp
      .proxy;
  const BOTH = { HTTPS_PROXY: "http://u:p@s:1", http_proxy: "plain:2" };

  test.each<[string, Record<string, string>, string | null]>([
    ["https://c:4317", BOTH, "http://u:p@s:1"],
    // Once it was taken in lower case alone, and in the direction of this very host too.
    ["c:4317", BOTH, "http://u:p@s:1"],
    ["http://c", { http_proxy: "plain:2" }, "http://plain:2"],
    ["http://localhost:4317", BOTH, null],
    ["127.0.0.1:4317", BOTH, null],
    ["http://[::1]:4317", BOTH, null],
    ["https://c:4317", { ...BOTH, NO_PROXY: "c" }, null],
    ["https://c", { ...BOTH, NO_PROXY: "c:443" }, null],
    ["10.1.2.3:4317", { ...BOTH, no_proxy: "10.0.0.0/8" }, null],
    ["unix:///run/c.sock", BOTH, null],
    ["a b:c", BOTH, null],
    ["https://c:4317", {}, null],
  ])("%s with %j is %p", (endpoint, env, proxy) => {
    expect(via(endpoint, env)).toBe(proxy);
  });

  test("is left out with a warning where the variable names none, and is HTTP's own affair for HTTP", () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://c:4317", HTTPS_PROXY: "socks5://s:1" };
    const { metrics, warnings } = of({ ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
    expect([metrics.otlp.proxy, ...warnings]).toEqual([null, expect.stringContaining("HTTPS_PROXY is not")]);
    expect(of({ ...env, HTTPS_PROXY: "http://s:1" }).metrics.otlp.proxy).toBeNull();
  });
});

describe("the rest", () => {
  test("of one signal wins over the general one", () => {
    const { otlp } = of({
      OTEL_EXPORTER_OTLP_HEADERS: "a=1,b=2",
      OTEL_EXPORTER_OTLP_METRICS_HEADERS: "b=%33,c=x=y",
      OTEL_EXPORTER_OTLP_TIMEOUT: "5000",
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "250",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca",
      OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: "/own-ca",
      OTEL_EXPORTER_OTLP_CLIENT_KEY: "/key",
    }).metrics;
    expect(otlp).toMatchObject({
      headers: { a: "1", b: "3", c: "x=y" },
      timeoutMs: 250,
      gzip: true,
      certificate: "/own-ca",
      clientKey: "/key",
      clientCertificate: null,
    });
  });

  test("that is no number is ignored with a warning that names it", () => {
    const { metrics, warnings } = of({
      OTEL_METRIC_EXPORT_INTERVAL: "soon",
      OTEL_EXPORTER_OTLP_TIMEOUT: "-1",
    });
    expect([metrics.intervalMs, metrics.otlp.timeoutMs]).toEqual([60_000, 10_000]);
    expect(warnings.map((warning) => warning.split(" ")[0]).sort()).toEqual([
      ...["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_METRIC_EXPORT_INTERVAL"],
    ]);
  });

  test("an export takes no longer than the interval", () => {
    expect(of({ OTEL_METRIC_EXPORT_INTERVAL: "1000" }).metrics.timeoutMs).toBe(1_000);
  });

  test("a time longer than any timer is the longest one; it once meant a thousand exports a second", () => {
    const huge = "99999999999";
    const { metrics, traces } = of({
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_METRIC_EXPORT_INTERVAL: huge,
      OTEL_METRIC_EXPORT_TIMEOUT: huge,
      OTEL_EXPORTER_OTLP_TIMEOUT: huge,
      OTEL_BSP_SCHEDULE_DELAY: huge,
      OTEL_BSP_EXPORT_TIMEOUT: huge,
    });
    const times = [metrics.intervalMs, metrics.timeoutMs, metrics.otlp.timeoutMs, traces.otlp.timeoutMs];
    const all = [...times, traces.batch.delayMs, traces.batch.timeoutMs];
    expect(all).toEqual(new Array(6).fill(LONGEST_TIMER_MS));
  });

  test("headers without a value are left out, and what they hold is not said", () => {
    const { warnings } = of({ OTEL_EXPORTER_OTLP_HEADERS: "a-token-alone" });
    expect(warnings).toEqual([
      "OTEL_EXPORTER_OTLP_HEADERS holds something that is not name=value; it is left out",
    ]);
  });

  test("what stands where a header's name should be is left out, and is not said: it may be the token", () => {
    const { metrics, warnings } = of({
      OTEL_EXPORTER_OTLP_HEADERS: "Authorization: Bearer dG9rZW4=,x-%0Ascope=a,x_scope.1=b",
    });
    expect(metrics.otlp.headers).toEqual({ "x_scope.1": "b" });
    expect(warnings).toEqual([
      "OTEL_EXPORTER_OTLP_HEADERS holds something that is not name=value; it is left out",
    ]);
  });

  test.each(["::1", "[::1]"])("Prometheus is answered at the address %s", (host) => {
    const env = { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_HOST: host };
    expect(of(env).metrics.prometheus).toEqual({ host: "::1", port: 9464 });
  });

  test("other buckets than the worker's own are refused aloud, where buckets are sent at all", () => {
    const name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
    const exponential = { [name]: "base2_exponential_bucket_histogram" };
    expect(of(exponential).warnings).toEqual([expect.stringContaining(name)]);
    expect(of({ ...exponential, OTEL_METRICS_EXPORTER: "prometheus" }).warnings).toEqual([]);
    expect(of({ [name]: "Explicit_Bucket_Histogram" }).warnings).toEqual([]);
  });

  test.each([
    ["always_off", undefined, 0],
    ["parentbased_always_on", undefined, 1],
    ["traceidratio", "0.25", 0.25],
    ["parentbased_traceidratio", "7", 1],
  ])("the sampler %s %s takes a share of %d", (sampler, arg, share) => {
    const env = {
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_TRACES_SAMPLER: sampler,
      ...(arg === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: arg }),
    };
    expect(of(env).traces.share).toBe(share);
  });

  // "9464/metrics" and ":9464" once were a warning, and the metrics at a port where nobody looked for them.
  test.each(["70000", "-1", "94.64", ":9464", "9464/metrics"])("the port %s is a problem", (value) => {
    const port = { OTEL_EXPORTER_PROMETHEUS_PORT: value };
    const { problems, settings } = chooseTelemetry({ ...port, OTEL_METRICS_EXPORTER: "prometheus" });
    expect(problems).toEqual(["OTEL_EXPORTER_PROMETHEUS_PORT must be a port from 0 to 65535"]);
    expect(settings.warnings).toEqual([]);
    expect(chooseTelemetry(port).problems).toEqual([]);
  });

  // A host has such variables for all its programs: the worker once did not start for a sampler without having traces.
  test.each([
    ["OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote", "parentbased_always_on"],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "none"],
    ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "stateless", "cumulative"],
  ])("%s=%s, which others know, is ignored with one warning", (name, value, fallback) => {
    const { settings, problems } = chooseTelemetry({ [name]: value, OTEL_TRACES_EXPORTER: "otlp" });
    expect(problems).toEqual([]);
    expect(settings.warnings.join("\n")).toMatch(
      new RegExp(`^${name} is "${value}", which is none of .*; it is taken as ${fallback}$`),
    );
  });

  test("of traces is not looked at where there are none", () => {
    const { settings, problems } = chooseTelemetry({
      OTEL_TRACES_SAMPLER: "xray",
      OTEL_TRACES_SAMPLER_ARG: "much",
      OTEL_BSP_SCHEDULE_DELAY: "soon",
      OTEL_EXPORTER_PROMETHEUS_PORT: "tcp://10.0.0.7:9464",
    });
    expect([...problems, ...settings.warnings]).toEqual([]);
  });

  test("that is wrong for both signals is told once", () => {
    const env = {
      OTEL_TRACES_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_PROTOCOL: "tcp",
      OTEL_EXPORTER_OTLP_TIMEOUT: "0",
    };
    const { settings, problems } = chooseTelemetry(env);
    expect([problems.length, settings.warnings.length]).toEqual([1, 1]);
  });
});

test("secrets of the host's environment are found wherever they hide", () => {
  const found = hostSecrets({
    WARP_API_KEY: "wk-1",
    https_proxy: "http://user:pa%20ss@proxy:3128",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20tok-1,x=y",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://u:in-the-url@c",
    OTEL_EXPORTER_OTLP_ENDPOINT: "c:4317/p?key=in%20query&bare-token#f",
    PATH: "/usr/bin",
  });
  for (const secret of [
    "wk-1",
    "pa%20ss",
    "pa ss",
    "tok-1",
    "Bearer tok-1",
    "in-the-url",
    "in%20query",
    "in query",
    "bare-token",
  ])
    expect(found).toContain(secret);
  expect(found).not.toContain("/usr/bin");
});

describe("an address to listen on", () => {
  test.each([
    ["127.0.0.1:8152", { host: "127.0.0.1", port: 8152 }, "127.0.0.1:8152"],
    ["[::1]:0", { host: "::1", port: 0 }, "[::1]:0"],
    [":80", { host: "::", port: 80 }, "[::]:80"],
    ["localhost:1", { host: "localhost", port: 1 }, "localhost:1"],
  ])("%s is read", (text, address, shown) => {
    expect(parseAddress(text)).toEqual(address);
    expect(addressText(address)).toBe(shown);
  });

  test.each(["", "8152", "a:b", "a:70000", "::1:80", "a b:1", "http://a:1"])("%j is none", (text) => {
    expect(parseAddress(text)).toBeNull();
  });
});
