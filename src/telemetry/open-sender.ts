/** A sender by the protocol that was chosen. */
import type { OtlpSettings } from "../config/telemetry.ts";
import { httpWay } from "./otlp-http.ts";
import { OtlpSender } from "./otlp-sender.ts";

/** A loaded host takes that long for a first connection, however short the interval is. */
const LEAST_MS = 2_000;

/**
 * Rejects when the settings name a file that cannot be read. `exportTimeoutMs`: when the SDK gives an
 * export up, to begin the next. To go on with it for long would pile up exports and hide the trouble.
 */
export async function openSender(
  settings: OtlpSettings,
  signal: "metrics" | "traces",
  version: string,
  exportTimeoutMs = settings.timeoutMs,
): Promise<OtlpSender> {
  const timeoutMs = Math.min(settings.timeoutMs, Math.max(LEAST_MS, exportTimeoutMs));
  const userAgent = `oz-agent-worker/${version}`;
  if (settings.protocol !== "grpc") return new OtlpSender(httpWay(settings, userAgent), timeoutMs);
  const { grpcWay } = await import("./otlp-grpc.ts");
  return new OtlpSender(grpcWay(settings, signal, userAgent), timeoutMs);
}
