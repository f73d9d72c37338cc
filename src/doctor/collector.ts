/** Whether anybody answers where metrics or traces would be sent to, and is who he should be. Nothing is sent. */
import { expiring } from "../async/wait.ts";
import type { OtlpSettings } from "../config/telemetry.ts";
import { codeOf, wordsOf } from "../logging/words-of.ts";
import { type DialTls, dialTcp } from "../runtime/dial.ts";
import { isLoopback } from "../runtime/loopback.ts";
import { addressOf, type ProxyVariables, proxyFor } from "../runtime/proxy.ts";
import { noCollector } from "../telemetry/export-trouble.ts";
import { readPems } from "../telemetry/pem.ts";
import type { Finding } from "./finding.ts";
import { throughProxy } from "./through-proxy.ts";

const ANSWER_MS = 3_000;

/** OpenSSL's names for what is wrong with one. */
const BAD_CERTIFICATE = /CERT|SIGNATURE/;
const WHOM_TO_TRUST =
  "set OTEL_EXPORTER_OTLP_CERTIFICATE to a PEM file of the authority that signed it, and look at its names and dates";

export interface CollectorInput {
  readonly name: "metrics" | "traces";
  readonly otlp: OtlpSettings;
  readonly proxyVariables: ProxyVariables;
  readonly stop: AbortSignal;
}

/** Rejects with the reason of `stop` alone. */
export async function checkCollector({ name, otlp, proxyVariables, stop }: CollectorInput): Promise<Finding> {
  const url = urlOf(otlp);
  const where = `OTLP (${otlp.protocol}) to ${url.origin}${url.pathname === "/" ? "" : url.pathname}`;
  const nobody = noCollector(name === "metrics" ? "OTEL_METRICS_EXPORTER" : "OTEL_TRACES_EXPORTER");
  const warn = (error: unknown, way = ""): Finding => {
    const hint = BAD_CERTIFICATE.test(codeOf(error) ?? "") ? WHOM_TO_TRUST : nobody;
    return { name, status: "warn", detail: `${where}${way}: ${whyOf(error)}`, hint };
  };
  let proxy: string | null;
  let tls: DialTls | null;
  try {
    const { authorities: ca, certificate: cert, key } = readPems(otlp);
    proxy = proxyOf(url, otlp, proxyVariables);
    // Through a proxy it would take a tunnel.
    tls = url.protocol === "https:" && proxy === null ? { ca, cert, key, verify: true } : null;
  } catch (error) {
    return warn(error);
  }
  const way = proxy === null ? "" : ` ${throughProxy(proxy)}`;
  try {
    using answer = expiring(stop, ANSWER_MS, () => new Error(`no answer within ${ANSWER_MS / 1_000} s`));
    const { host, port } = addressOf(proxy === null ? url : new URL(proxy));
    (await dialTcp(host, port, tls, answer.signal)).close();
    return { name, status: "ok", detail: `${where}${way}, where somebody answers` };
  } catch (error) {
    stop.throwIfAborted();
    // Nobody said that there is one, and a worker looks there again.
    if (otlp.endpointGiven) return warn(error, way);
    return { name, status: "ok", detail: `${where}${way}, the default, where nobody answers now` };
  }
}

/** That of gRPC may have no scheme. Its path is of no use to anybody. */
function urlOf({ protocol, endpoint, insecure }: OtlpSettings): URL {
  if (protocol !== "grpc") return new URL(endpoint);
  const [, scheme = insecure ? "http" : "https", address = ""] =
    /^(?:(https?):\/\/)?([^/]*)/i.exec(endpoint) ?? [];
  return new URL(`${scheme}://${/:\d+$/.test(address) ? address : `${address}:443`}`);
}

/** As the exporters choose it. */
function proxyOf(url: URL, { protocol, proxy }: OtlpSettings, variables: ProxyVariables): string | null {
  if (protocol === "grpc") return proxy;
  return isLoopback(url.hostname) ? null : proxyFor(url, variables);
}

/** Of a refused connection and of no way alike, the runtime says "Failed to connect". */
function whyOf(error: unknown): string {
  const [words, code] = [wordsOf(error), codeOf(error)];
  return code === null || words.includes(code) ? words : `${words} (${code})`;
}
