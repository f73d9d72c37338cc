/** Metrics for Prometheus to fetch: a reader that collects when it is asked, behind HTTP. */
import { MetricReader } from "@opentelemetry/sdk-metrics";
import { type HttpServer, serveHttp } from "../runtime/http-server.ts";
import { PROMETHEUS_CONTENT_TYPE, renderPrometheus } from "./prometheus-text.ts";

export class PrometheusReader extends MetricReader {
  private readonly server: HttpServer;

  /** Throws when the address cannot be listened on. */
  constructor(address: { readonly host: string; readonly port: number }) {
    super();
    this.server = serveHttp({ ...address, answer: (request) => this.answer(request) });
  }

  get port(): number {
    return this.server.port;
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {
    await this.server.stop();
  }

  private async answer({ url, method }: Request): Promise<Response> {
    if (new URL(url).pathname !== "/metrics")
      return new Response("Metrics are at /metrics\n", { status: 404 });
    if (method !== "GET" && method !== "HEAD") {
      return new Response("Metrics can only be read\n", { status: 405, headers: { Allow: "GET, HEAD" } });
    }
    const { resourceMetrics } = await this.collect();
    return new Response(renderPrometheus(resourceMetrics), {
      headers: { "Content-Type": PROMETHEUS_CONTENT_TYPE },
    });
  }
}
