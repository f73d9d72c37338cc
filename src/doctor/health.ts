/** Whether health could be told. */
import { addressText, HEALTH_ADDRESS_HINT } from "../config/address.ts";
import type { ListenAddress } from "../config/settings.ts";
import type { Finding } from "./finding.ts";
import { tryListening } from "./listening.ts";

/** A worker goes on without, so nothing is worse than a warning. */
export async function checkHealth(address: ListenAddress): Promise<Finding> {
  const trouble = await tryListening(address, HEALTH_ADDRESS_HINT);
  const url = `http://${addressText(address)}`;
  if (trouble === null) return { name: "health", status: "ok", detail: `can be told at ${url}` };
  const { why, hint } = trouble;
  return { name: "health", status: "warn", detail: `cannot be told at ${url}: ${why}`, hint };
}
