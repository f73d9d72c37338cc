/** Metrics for Prometheus to fetch. */
import { type HttpServer, serveHttp } from "../runtime/http-server.ts";
import { pathOf } from "../runtime/request-path.ts";
import type { Labels, Metric } from "./catalogue.ts";
import { PROMETHEUS_CONTENT_TYPE, PrometheusText } from "./prometheus-text.ts";

export interface PrometheusOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: readonly Metric[];
  readonly resource: Labels;
}

/** Throws when the address cannot be listened on. */
export function servePrometheus({ host, port, metrics, resource }: PrometheusOptions): HttpServer {
  const text = new PrometheusText(metrics, resource);
  const answer = ({ url, method }: Request): Response => {
    if (pathOf(url) !== "/metrics") return new Response("Metrics are at /metrics\n", { status: 404 });
    if (method !== "GET" && method !== "HEAD") {
      return new Response("Metrics can only be read\n", { status: 405, headers: { Allow: "GET, HEAD" } });
    }
    return new Response(text.render(), {
      headers: { "Content-Type": PROMETHEUS_CONTENT_TYPE },
    });
  };
  return serveHttp({ host, port, answer });
}
