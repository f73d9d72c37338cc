/**
 * Which proxy leads to a collector that is told by gRPC. Its library would ask the variables too, but in lower case
 * alone, and goes by the proxy to this very host: so it is told the one, or none.
 */
import { isLoopback } from "../runtime/loopback.ts";
import { proxyFor } from "../runtime/proxy.ts";
import type { HostEnvironment } from "./host-environment.ts";

/** What is asked for when an address names no port. */
const DEFAULT_PORT = "443";

/** The proxy's URL, credentials included; null: none leads there. Throws for a variable that is no proxy of HTTP. */
export function grpcProxy(endpoint: string, env: HostEnvironment): string | null {
  const address = endpoint.replace(/^https?:\/\//i, "");
  // A socket, or a way to look a name up that only the library knows.
  if (/^[a-z-]+:(?!\d)/i.test(address) || !URL.canParse(`http://${address}`)) return null;
  const { hostname, port } = new URL(`http://${address}`);
  if (isLoopback(hostname)) return null;
  const host = `${hostname}:${port || DEFAULT_PORT}`;
  // A tunnel is what HTTPS_PROXY is for; where only the other is set, gRPC's own libraries take that.
  return proxyFor(new URL(`https://${host}`), env) ?? proxyFor(new URL(`http://${host}`), env);
}
