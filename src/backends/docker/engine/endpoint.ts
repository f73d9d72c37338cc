/** Where the engine is, and why it is looked for there. */

/** PEM texts; null: not set. */
export interface EngineTls {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** False only where the operator said so, in a context with SkipTLSVerify. */
  readonly verify: boolean;
}

export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly tls: EngineTls | null }
  /** `target` as the operator wrote it: ssh://user@host:port. */
  | { readonly kind: "ssh"; readonly target: string };

export interface ChosenEndpoint {
  readonly endpoint: Endpoint;
  /** As the operator would write it: unix:///var/run/docker.sock, tcp://host:2376. */
  readonly label: string;
  /** Completes "chosen because of …": "DOCKER_HOST", 'docker context "x" of DOCKER_CONTEXT'. */
  readonly why: string;
  /** For a TCP endpoint with TLS: its certificates as they are now. Files of them are renewed under a running worker. */
  readonly loadTls: LoadTls;
}

/** Loads the certificates of a TCP endpoint, when it is known that it is one; null: without TLS. @throws EndpointError */
export type LoadTls = () => EngineTls | null;

const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

/**
 * @param address as in DOCKER_HOST: a URL, or HOST:PORT
 * @returns what is wrong with it, in words that follow its name, when it is none
 */
export function parseAddress(
  address: string,
  loadTls: LoadTls,
  platform: NodeJS.Platform,
): Endpoint | { readonly wrong: string } {
  const separator = address.indexOf("://");
  if (separator === -1) {
    if (/^[^/\s]*:\d+$/.test(address)) return parseTcp("tcp", address, loadTls);
    return { wrong: `write it as a URL, for example unix:///var/run/docker.sock or tcp://HOST:${TLS_PORT}` };
  }
  const [scheme, rest] = [address.slice(0, separator).toLowerCase(), address.slice(separator + 3)];
  switch (scheme) {
    case "unix":
      if (rest.startsWith("/")) return { kind: "unix", path: rest };
      return { wrong: "a unix socket needs a full path, for example unix:///var/run/docker.sock" };
    case "tcp":
    case "http":
    case "https":
      return parseTcp(scheme, rest, loadTls);
    case "ssh":
      return parseSsh(address);
    case "npipe":
      if (platform !== "win32")
        return { wrong: "named pipes (npipe) are a thing of Windows; use unix:// or tcp://" };
      return { wrong: "named pipes (npipe) are not supported; let the engine listen on tcp:// too" };
    default:
      return {
        wrong: `"${scheme}" is no way to reach an engine; use unix://, tcp://, http://, https:// or ssh://`,
      };
  }
}

function parseTcp(
  scheme: "tcp" | "http" | "https",
  rest: string,
  loadTls: LoadTls,
): Endpoint | { readonly wrong: string } {
  // As Docker's clients take it: without a host it is this one.
  const text = `http://${/^(?::\d|$)/.test(rest) ? "localhost" : ""}${rest}`;
  if (!URL.canParse(text)) return { wrong: "it is not HOST:PORT" };
  const url = new URL(text);
  if (url.username !== "" || url.password !== "")
    return { wrong: "an engine takes no user name or password here" };
  if (url.pathname !== "/" || url.search !== "") return { wrong: "an address with a path is not supported" };
  // The built-in authorities hold for https:// without certificates of its own.
  const builtIn = scheme === "https" ? { ca: null, cert: null, key: null, verify: true } : null;
  const tls = scheme === "http" ? null : (loadTls() ?? builtIn);
  // 80 is what the parser takes away, as http's own.
  const written = /:(\d+)\/?$/.exec(rest)?.[1];
  const port = written === undefined ? defaultPort(scheme, tls) : Number(written);
  return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port, tls };
}

function defaultPort(scheme: "tcp" | "http" | "https", tls: EngineTls | null): number {
  if (scheme === "http") return 80;
  if (scheme === "https") return 443;
  return tls === null ? PLAIN_PORT : TLS_PORT;
}

function parseSsh(address: string): Endpoint | { readonly wrong: string } {
  if (!URL.canParse(address)) return { wrong: "it is not ssh://USER@HOST:PORT" };
  const url = new URL(address);
  if (url.password !== "") return { wrong: "ssh:// takes no password; use a key" };
  // ssh would take a name with a dash in front for an option.
  if (url.hostname === "" || url.hostname.startsWith("-") || url.username.startsWith("-")) {
    return { wrong: "it is not ssh://USER@HOST:PORT" };
  }
  return { kind: "ssh", target: address };
}
