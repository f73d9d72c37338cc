/** Where metrics and traces would go. */
import { addressText } from "../config/address.ts";
import type { MetricsSettings, TelemetrySettings } from "../config/telemetry.ts";
import { PROMETHEUS_HINT } from "../telemetry/export-trouble.ts";
import { type CollectorInput, checkCollector } from "./collector.ts";
import type { Finding } from "./finding.ts";
import { tryListening } from "./listening.ts";

/** What both signals are looked at with. */
export type TelemetryInput = Pick<CollectorInput, "proxyVariables" | "stop">;

/** Rejects with the reason of `stop` alone. A worker goes on without, so nothing is worse than a warning. */
export async function checkMetrics(
  { metrics, warnings }: TelemetrySettings,
  input: TelemetryInput,
): Promise<readonly Finding[]> {
  const name = "metrics";
  const findings = warnings.map(
    (why): Finding => ({ name, status: "warn", detail: `setting ignored: ${why}` }),
  );
  if (metrics.exporters.length === 0) findings.push({ name, status: "ok", detail: "nothing is exported" });
  for (const exporter of metrics.exporters) {
    switch (exporter) {
      case "otlp":
        findings.push(await checkCollector({ name, otlp: metrics.otlp, ...input }));
        break;
      case "prometheus":
        findings.push(await checkPrometheus(metrics.prometheus));
        break;
      case "console":
        findings.push({ name, status: "ok", detail: ON_STANDARD_OUTPUT });
        break;
      default:
        exporter satisfies never;
    }
  }
  return findings;
}

/** Nothing, where none are asked for. */
export async function checkTraces(
  { traces }: TelemetrySettings,
  input: TelemetryInput,
): Promise<readonly Finding[]> {
  const name = "traces";
  const findings: Finding[] = [];
  for (const exporter of traces.exporters) {
    if (exporter === "otlp") findings.push(await checkCollector({ name, otlp: traces.otlp, ...input }));
    else findings.push({ name, status: "ok", detail: ON_STANDARD_OUTPUT });
  }
  return findings;
}

const ON_STANDARD_OUTPUT = "written to standard output";

async function checkPrometheus(address: MetricsSettings["prometheus"]): Promise<Finding> {
  const trouble = await tryListening(address, PROMETHEUS_HINT);
  const where = `at http://${addressText(address)}/metrics for Prometheus`;
  if (trouble === null) return { name: "metrics", status: "ok", detail: `can be fetched ${where}` };
  const { why, hint } = trouble;
  return { name: "metrics", status: "warn", detail: `cannot be fetched ${where}: ${why}`, hint };
}
