/** OTLP over gRPC: one call without a schema, for the bytes are encoded already. Heavy, and loaded by nobody else. */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  compressionAlgorithms,
  credentials,
  logVerbosity,
  Metadata,
  type ServiceError,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import { decoded } from "../config/host-secrets.ts";
import type { OtlpSettings } from "../config/telemetry.ts";
import type { Attempt, OtlpWay } from "./otlp-sender.ts";
import { readPems } from "./pem.ts";

const METHODS = {
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
  traces: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
} as const;

/** By the specification; every other status is final. */
const WORTH_ANOTHER_TRY: readonly number[] = [
  ...[status.CANCELLED, status.DEADLINE_EXCEEDED, status.ABORTED, status.OUT_OF_RANGE],
  ...[status.UNAVAILABLE, status.DATA_LOSS],
];

/** Throws when a certificate cannot be read, and for a proxy that the library cannot go through. */
export function grpcWay(settings: OtlpSettings, signal: keyof typeof METHODS, userAgent: string): OtlpWay {
  const { connect, shown } = connectorOf(settings, userAgent);
  let client: Client | null = null;
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(settings.headers)) metadata.set(name, value);
  return {
    attempt: (bytes, timeoutMs) => {
      const { promise, resolve } = Promise.withResolvers<Attempt>();
      const deadline = Date.now() + timeoutMs;
      const whole = (each: Buffer) => each;
      client ??= connect();
      const asked = client;
      const onEnd = (error: ServiceError | null, answer?: Buffer) => {
        // Its connection may be one that a firewall has forgotten, and on which the system goes on for a quarter of an hour.
        if (error?.code === status.DEADLINE_EXCEEDED) {
          asked.close();
          if (client === asked) client = null;
        }
        resolve(
          error === null ? { kind: "taken", answer: new Uint8Array(answer ?? []) } : failed(shown, error),
        );
      };
      client.makeUnaryRequest(
        METHODS[signal],
        whole,
        whole,
        Buffer.from(bytes),
        metadata,
        { deadline },
        onEnd,
      );
      return promise;
    },
    close: () => client?.close(),
  };
}

/** `shown`: where it leads to, for people. Nothing is connected before the first call. */
function connectorOf(settings: OtlpSettings, userAgent: string): { connect: () => Client; shown: string } {
  const { address, secure } = readEndpoint(settings);
  const ip = addressInNumbers(address);
  const proxy = readProxy(settings, address);
  // It writes of each try for a proxy to standard error, in lines that are none of the log's.
  setLogVerbosity(logVerbosity.NONE);
  const trust = secure ? secured(settings, ip) : credentials.createInsecure();
  const options: ClientOptions = {
    "grpc.enable_http_proxy": 0,
    // Else a new client would be given the connection of the one that was closed.
    "grpc.use_local_subchannel_pool": 1,
    ...proxy?.options,
    "grpc.primary_user_agent": userAgent,
    "grpc.default_compression_algorithm": settings.gzip
      ? compressionAlgorithms.gzip
      : compressionAlgorithms.identity,
    // The runtime refuses an address as the name to ask for, which this library would give.
    ...(ip === null ? {} : { "grpc.ssl_target_name_override": "collector.invalid" }),
  };
  return {
    connect: () => new Client(proxy?.address ?? address, trust, options),
    shown: `${address.replace(/^.*@/, "")}${proxy === null ? "" : ` through the proxy ${proxy.address}`}`,
  };
}

function failed(where: string, { code, details }: ServiceError): Attempt {
  // The library puts these behind its words, mostly with nothing to note.
  const words = details.replace(/\. (?:Resolution note: |Last error: undefined)$/, "");
  const why = `gRPC to ${where} ended with ${status[code] ?? code}: ${words}`;
  return { kind: "failed", why, again: WORTH_ANOTHER_TRY.includes(code), waitMs: null };
}

/** A URL's scheme decides on TLS; without one the operator's word does. */
function readEndpoint({ endpoint, insecure }: OtlpSettings): { address: string; secure: boolean } {
  const [, scheme, rest = ""] = /^(?:(https?):\/\/)?(.*?)\/*$/i.exec(endpoint) ?? [];
  if (scheme === undefined) return { address: rest, secure: !insecure };
  return { address: rest, secure: scheme.toLowerCase() === "https" };
}

interface Proxy {
  readonly address: string;
  readonly options: ClientOptions;
}

/** Its tunnel leads to `address`, by which the far side is called as ever. */
function readProxy({ proxy }: OtlpSettings, address: string): Proxy | null {
  if (proxy === null) return null;
  const { protocol, hostname, port, username, password } = new URL(proxy);
  if (protocol !== "http:") {
    throw new Error(
      "gRPC goes through a proxy of plain HTTP only: set HTTPS_PROXY to http://HOST:PORT, or the protocol to http/protobuf",
    );
  }
  const user = decoded(`${username}:${password}`);
  return {
    address: `${hostname}:${port || "80"}`,
    options: {
      "grpc.http_connect_target": `dns:${address}`,
      "grpc.default_authority": address,
      ...(username === "" ? {} : { "grpc.http_connect_creds": user }),
    },
  };
}

/** `ip`: the certificate has to be for this address, by whatever name it was asked for. */
function secured(settings: OtlpSettings, ip: string | null): ChannelCredentials {
  const { authorities, certificate, key } = readPems(settings);
  const buffer = (pem: string | null) => (pem === null ? null : Buffer.from(pem));
  return credentials.createSsl(
    buffer(authorities),
    buffer(key),
    buffer(certificate),
    ip === null ? {} : { checkServerIdentity: (_name, shown) => checkServerIdentity(ip, shown) },
  );
}

/** The host of HOST:PORT when it is an IP address. */
function addressInNumbers(address: string): string | null {
  const host = address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? null : host;
}
