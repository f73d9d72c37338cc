/**
 * Which proxy a URL goes through, by the usual variables. Bun's WebSocket reads none of them, and the
 * client of gRPC not all, so they are resolved here: lower or upper case, NO_PROXY with hosts, suffixes,
 * ports, addresses and networks.
 */
export type ProxyVariables = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  "ws:": "80",
  "http:": "80",
  "wss:": "443",
  "https:": "443",
};

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Where a URL leads to: its default port included, an IPv6 address without brackets. */
export function addressOf({ hostname, port, protocol }: URL): HostAndPort {
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || DEFAULT_PORTS[protocol] || "0") };
}

/** The proxy's URL, credentials included, or null for a direct connection. Throws on one that is no URL. */
export function proxyFor(target: URL, variables: ProxyVariables): string | null {
  const secure = target.protocol === "wss:" || target.protocol === "https:";
  const name = secure ? "HTTPS_PROXY" : "HTTP_PROXY";
  const proxy = read(variables, name);
  if (proxy === "" || isExempt(target, read(variables, "NO_PROXY"))) return null;
  const url = proxy.includes("://") ? proxy : `http://${proxy}`;
  if (!isHttp(url))
    throw new Error(`${name} is not a proxy of HTTP: set it to http://HOST:PORT, or unset it`);
  return url;
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

function read(variables: ProxyVariables, name: string): string {
  return (variables[name.toLowerCase()] || variables[name] || "").trim();
}

function isExempt(target: URL, exemptions: string): boolean {
  const host = target.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = target.port || DEFAULT_PORTS[target.protocol] || "";
  return exemptions
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isInNetwork(entry, host);
  const { name, port: wantedPort } = splitPort(entry);
  if (wantedPort !== "" && wantedPort !== port) return false;
  const { isIP } = net();
  if (isIP(name) !== 0 || isIP(host) !== 0) return isSameAddress(name, host);
  // `.example.com` and `*.example.com` are the hosts below it; `example.com` is itself and those.
  const suffix = name.replace(/^\*?\./, "");
  return host.endsWith(`.${suffix}`) || (suffix === name && host === name);
}

/** By value: `::1` and `0:0:0:0:0:0:0:1` are one address. */
function isSameAddress(one: string, other: string): boolean {
  const { BlockList, isIP } = net();
  const family = isIP(one);
  if (family === 0 || family !== isIP(other)) return false;
  const kind = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addAddress(one, kind);
  return list.check(other, kind);
}

function splitPort(entry: string): { name: string; port: string } {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(entry);
  if (bracketed !== null) return { name: bracketed[1] ?? "", port: bracketed[2] ?? "" };
  if (net().isIP(entry) === 6) return { name: entry, port: "" };
  const match = /^(.*?)(?::(\d+))?$/.exec(entry);
  return { name: match?.[1] ?? entry, port: match?.[2] ?? "" };
}

function isInNetwork(entry: string, host: string): boolean {
  const { BlockList, isIP } = net();
  const family = isIP(host);
  const [network = "", bits = ""] = entry.split("/");
  const networkFamily = isIP(network);
  if (family === 0 || networkFamily !== family || !/^\d+$/.test(bits)) return false;
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const kind = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(network, Number(bits), kind);
  return list.check(host, kind);
}

/** Loaded when there is a proxy and an exemption from it only: the module costs an idle daemon 2 MB. */
function net(): typeof import("node:net") {
  return process.getBuiltinModule("node:net");
}
