/** Which proxy is in the way, for people. */

const PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Of a URL, its default port included; nothing of a user and a password. */
export function addressOf(url: string): HostAndPort {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || PORTS[protocol] || "0") };
}

/** `proxy` is a URL, credentials included; null: there is none. */
export function throughProxy(proxy: string | null): string {
  if (proxy === null) return "without a proxy";
  const { hostname, port, protocol } = new URL(proxy);
  return `through the proxy ${hostname}:${port || PORTS[protocol]}`;
}
