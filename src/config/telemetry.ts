/** Where metrics and traces go, from the variables that every program with OpenTelemetry knows. */
import type { HostEnvironment } from "./host-environment.ts";
import { OtelEnvironment } from "./otel-environment.ts";

const METRICS_EXPORTERS = ["otlp", "prometheus", "console"] as const;
export type MetricsExporter = (typeof METRICS_EXPORTERS)[number];

const TRACES_EXPORTERS = ["otlp", "console"] as const;
export type TracesExporter = (typeof TRACES_EXPORTERS)[number];

const OTLP_PROTOCOLS = ["http/protobuf", "http/json", "grpc"] as const;
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];

export interface OtlpSettings {
  readonly protocol: OtlpProtocol;
  /** The whole address of the signal for HTTP; host and port for gRPC. */
  readonly endpoint: string;
  /** False: nobody said where a collector is, so that there may well be none. */
  readonly endpointGiven: boolean;
  /** Of gRPC: the proxy that leads there, credentials included. HTTP's own client looks for it by itself. */
  readonly proxy: string | null;
  /** May hold a token. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly gzip: boolean;
  /** Without TLS where the endpoint has no scheme that says so. */
  readonly insecure: boolean;
  /** Paths of PEM files. */
  readonly certificate: string | null;
  readonly clientCertificate: string | null;
  readonly clientKey: string | null;
}

export const TEMPORALITIES = ["cumulative", "delta", "lowmemory"] as const;
export type Temporality = (typeof TEMPORALITIES)[number];

export interface MetricsSettings {
  /** Empty: no metrics. */
  readonly exporters: readonly MetricsExporter[];
  readonly intervalMs: number;
  /** Not longer than the interval. */
  readonly timeoutMs: number;
  readonly otlp: OtlpSettings;
  readonly temporality: Temporality;
  readonly prometheus: { readonly host: string; readonly port: number };
}

export interface TracesSettings {
  /** Empty: no traces. */
  readonly exporters: readonly TracesExporter[];
  readonly otlp: OtlpSettings;
  /** Of how many tasks a trace is taken, from 0 to 1. */
  readonly share: number;
  readonly batch: {
    readonly delayMs: number;
    readonly timeoutMs: number;
    readonly queueSize: number;
    readonly size: number;
  };
}

export interface TelemetrySettings {
  readonly metrics: MetricsSettings;
  readonly traces: TracesSettings;
  /** Attributes of the resource that the operator gives; they win over the worker's own. */
  readonly resource: Readonly<Record<string, string>>;
  /** For the log: what was ignored. */
  readonly warnings: readonly string[];
}

export interface TelemetryChoice {
  readonly settings: TelemetrySettings;
  readonly problems: readonly string[];
}

const SAMPLERS = [
  ...["always_on", "always_off", "traceidratio"],
  ...["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"],
] as const;

/** Nothing else counts then, mistakes included. */
const DISABLED: HostEnvironment = { OTEL_METRICS_EXPORTER: "none" };

export function chooseTelemetry(env: HostEnvironment): TelemetryChoice {
  const disabled = env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true";
  const otel = new OtelEnvironment(disabled ? DISABLED : env);
  const metrics = chooseMetrics(otel);
  const traces = chooseTraces(otel);
  const serviceName = otel.text("OTEL_SERVICE_NAME");
  const resource = {
    ...otel.pairs("OTEL_RESOURCE_ATTRIBUTES"),
    ...(serviceName === null ? {} : { "service.name": serviceName }),
  };
  // What two signals have in common is told once.
  const [warnings = [], problems = []] = [otel.warnings, otel.problems].map((lines) => [...new Set(lines)]);
  return { settings: { metrics, traces, resource, warnings }, problems };
}

function chooseMetrics(otel: OtelEnvironment): MetricsSettings {
  const exporters = otel.choices("OTEL_METRICS_EXPORTER", METRICS_EXPORTERS, ["otlp"]);
  const intervalMs = otel.milliseconds(["OTEL_METRIC_EXPORT_INTERVAL"], 60_000);
  if (exporters.includes("otlp")) noOtherBuckets(otel);
  const prometheus = exporters.includes("prometheus") ? otel : unset();
  return {
    exporters,
    intervalMs,
    timeoutMs: Math.min(intervalMs, otel.milliseconds(["OTEL_METRIC_EXPORT_TIMEOUT"], 30_000)),
    otlp: chooseOtlp(otel, "METRICS", "v1/metrics", exporters.includes("otlp")),
    temporality: temporality(otel),
    prometheus: {
      // In brackets, as a URL has it, or bare.
      host: (prometheus.text("OTEL_EXPORTER_PROMETHEUS_HOST") ?? "localhost").replace(/^\[|\]$/g, ""),
      port: port(prometheus, "OTEL_EXPORTER_PROMETHEUS_PORT", 9464),
    },
  };
}

function chooseTraces(otel: OtelEnvironment): TracesSettings {
  const exporters = otel.choices("OTEL_TRACES_EXPORTER", TRACES_EXPORTERS, []);
  const used = exporters.length > 0 ? otel : unset();
  return {
    exporters,
    otlp: chooseOtlp(otel, "TRACES", "v1/traces", exporters.includes("otlp")),
    share: share(used),
    batch: {
      delayMs: used.milliseconds(["OTEL_BSP_SCHEDULE_DELAY"], 5_000),
      timeoutMs: used.milliseconds(["OTEL_BSP_EXPORT_TIMEOUT"], 30_000),
      queueSize: used.number(["OTEL_BSP_MAX_QUEUE_SIZE"], 2_048, 1),
      size: used.number(["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"], 512, 1),
    },
  };
}

/** For what is not used: a variable that is there for the other programs of a host is none of the worker's business. */
function unset(): OtelEnvironment {
  return new OtelEnvironment({});
}

/**
 * A token of RFC 9110. `Authorization: Bearer TOKEN==` has a "=", too: it once made a header of all before that, which
 * no collector was sent, and whose name, token included, was in the log.
 */
const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;

/** Where nothing is sent. */
const NOWHERE: OtlpSettings = {
  protocol: "http/protobuf",
  endpoint: "",
  endpointGiven: false,
  proxy: null,
  headers: {},
  timeoutMs: 0,
  gzip: false,
  insecure: false,
  certificate: null,
  clientCertificate: null,
  clientKey: null,
};

/** `used` false: its mistakes are nobody's business. */
function chooseOtlp(otel: OtelEnvironment, signal: string, path: string, used: boolean): OtlpSettings {
  if (!used) return NOWHERE;
  const names = (what: string) => [`OTEL_EXPORTER_OTLP_${signal}_${what}`, `OTEL_EXPORTER_OTLP_${what}`];
  const protocol = otel.choice(names("PROTOCOL"), OTLP_PROTOCOLS, "http/protobuf");
  const given = otel.first(...names("ENDPOINT"));
  const compression = otel.preference(names("COMPRESSION"), ["none", "gzip"], "none");
  const grpcEndpoint = given?.value ?? "http://localhost:4317";
  return {
    protocol,
    endpoint: protocol === "grpc" ? grpcEndpoint : endpoint(otel, given, path),
    endpointGiven: given !== null,
    proxy: protocol === "grpc" ? otel.grpcProxy(grpcEndpoint) : null,
    headers: {
      ...otel.pairs("OTEL_EXPORTER_OTLP_HEADERS", HEADER_NAME),
      ...otel.pairs(`OTEL_EXPORTER_OTLP_${signal}_HEADERS`, HEADER_NAME),
    },
    timeoutMs: otel.milliseconds(names("TIMEOUT"), 10_000),
    gzip: compression === "gzip",
    insecure: otel.first(...names("INSECURE"))?.value.toLowerCase() === "true",
    certificate: otel.first(...names("CERTIFICATE"))?.value ?? null,
    clientCertificate: otel.first(...names("CLIENT_CERTIFICATE"))?.value ?? null,
    clientKey: otel.first(...names("CLIENT_KEY"))?.value ?? null,
  };
}

/** A signal's own endpoint is taken as it is; below the general one each signal has its path. */
function endpoint(otel: OtelEnvironment, given: ReturnType<OtelEnvironment["first"]>, path: string): string {
  if (given === null) return `http://localhost:4318/${path}`;
  if (!/^https?:\/\//i.test(given.value) || !URL.canParse(given.value)) {
    // Not shown: it may hold a password.
    otel.problems.push(`${given.name} must be a URL that starts with http:// or https://`);
    return "";
  }
  if (given.name !== "OTEL_EXPORTER_OTLP_ENDPOINT") return new URL(given.value).href;
  const url = new URL(given.value);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url.href;
}

/** The one variable of OTLP that is not followed: what was counted in buckets cannot be told in others. */
function noOtherBuckets(otel: OtelEnvironment): void {
  const name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
  const aggregation = otel.text(name)?.toLowerCase() ?? "explicit_bucket_histogram";
  if (aggregation === "explicit_bucket_histogram") return;
  otel.warnings.push(
    `${name} can only be explicit_bucket_histogram; the worker's histograms keep their buckets`,
  );
}

function temporality(otel: OtelEnvironment): Temporality {
  return otel.preference(["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"], TEMPORALITIES, "cumulative");
}

/** No fallback for one that cannot be read: nobody would look for the metrics at a port that was not asked for. */
function port(otel: OtelEnvironment, name: string, fallback: number): number {
  const value = Number(otel.text(name) ?? fallback);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  otel.problems.push(`${name} must be a port from 0 to 65535`);
  return fallback;
}

function share(otel: OtelEnvironment): number {
  const sampler = otel.preference(["OTEL_TRACES_SAMPLER"], SAMPLERS, "parentbased_always_on");
  if (sampler.endsWith("always_on")) return 1;
  if (sampler.endsWith("always_off")) return 0;
  const ratio = otel.number(["OTEL_TRACES_SAMPLER_ARG"], 1, 0);
  return Math.min(1, ratio);
}
