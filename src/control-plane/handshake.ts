/** What a connection to the control plane is opened with. */

import { type ProxyVariables, proxyFor } from "../runtime/proxy.ts";
import type { SocketOptions } from "../runtime/web-socket.ts";

/** What is said, and what to do, when the control plane answers 401 or 403 before there was any connection. */
export const KEY_REFUSED = "control plane refused the key";
export const KEY_REFUSED_HINT = "set a valid team API key there and start again";
/** The same of any other status than 101. */
export const CONNECTION_REFUSED = "control plane refused the connection";
export const NO_CONNECTION = "cannot connect to the control plane";

export function isUnauthorized(status: number): boolean {
  return status === 401 || status === 403;
}

export interface HandshakeSettings {
  /** Its query is kept; the worker id is added. */
  readonly webSocketUrl: string;
  readonly workerId: string;
  /**
   * `NAME/VERSION`. Gateways before a control plane (the firewalls of Cloudflare and AWS have such rules) answer 403 to
   * whoever does not say what it is, and that would be taken for the key's fault.
   */
  readonly userAgent: string;
  /** Read at every handshake. Rejects with words for the operator. */
  readonly readKey: () => Promise<string>;
  readonly proxyVariables: ProxyVariables;
  /** A private CA in PEM, trusted beside the system's; null: none. */
  readonly privateCa: string | null;
}

/** Rejects with what `readKey` rejects with, and for an address or a proxy that is no URL. */
export async function prepareHandshake(settings: HandshakeSettings): Promise<SocketOptions> {
  const url = new URL(settings.webSocketUrl);
  url.searchParams.set("worker_id", settings.workerId);
  return {
    url: url.href,
    headers: { Authorization: `Bearer ${await settings.readKey()}`, "User-Agent": settings.userAgent },
    proxy: proxyFor(url, settings.proxyVariables),
    certificateAuthorities: settings.privateCa === null ? null : await withDefaultTrust(settings.privateCa),
  };
}

/** Loaded when there is a private CA only: the module costs an idle daemon 3 MB. */
async function withDefaultTrust(privateCa: string): Promise<string[]> {
  const { getCACertificates } = await import("node:tls");
  return [...getCACertificates("default"), privateCa];
}
