/** A sender by the protocol that was chosen. */
import type { OtlpSettings } from "../config/telemetry.ts";
import { httpWay } from "./otlp-http.ts";
import { OtlpSender } from "./otlp-sender.ts";

/** Rejects when the settings name a file that cannot be read. */
export async function openSender(
  settings: OtlpSettings,
  signal: "metrics" | "traces",
  version: string,
): Promise<OtlpSender> {
  const userAgent = `oz-agent-worker/${version}`;
  if (settings.protocol !== "grpc") return new OtlpSender(httpWay(settings, userAgent), settings.timeoutMs);
  const { grpcWay } = await import("./otlp-grpc.ts");
  return new OtlpSender(grpcWay(settings, signal, userAgent), settings.timeoutMs);
}
