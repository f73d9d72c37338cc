/** Opens connections to the chosen endpoint. */
import { expiring } from "../../../async/wait.ts";
import { forHelpers } from "../../../process/worker-environment.ts";
import type { Channel } from "../../../runtime/byte-channel.ts";
import { dialTcp, dialUnix } from "../../../runtime/dial.ts";
import type { Dial } from "./calls.ts";
import type { ChosenEndpoint, Endpoint, LoadTls } from "./endpoint.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A host that does not answer at all is given up after this; the system itself would take minutes. */
const CONNECT_MS = 30_000;
/**
 * For each address of a name: ssh tries them one after the other, and the first may be of an IPv6 that leads nowhere. The
 * engine's first answer is not waited for much longer than that.
 */
const SSH_CONNECT_MS = 10_000;

/** `environment`: what ssh needs to find its keys and its agent. */
export function dialerFor(
  { endpoint, loadTls }: Pick<ChosenEndpoint, "endpoint" | "loadTls">,
  environment: Environment,
): Dial {
  switch (endpoint.kind) {
    case "unix":
      return (signal) => dialUnix(endpoint.path, signal);
    case "tcp":
      return (signal) => inTime(signal, (both) => dialEngine(endpoint, loadTls, both));
    case "ssh":
      return () => dialSsh(endpoint.target, environment);
    default:
      return endpoint satisfies never;
  }
}

/** With the certificates of this moment: a read of three files is nothing beside TLS's own handshake. */
async function dialEngine(
  { host, port, tls }: Extract<Endpoint, { kind: "tcp" }>,
  loadTls: LoadTls,
  signal: AbortSignal,
): Promise<Channel> {
  return dialTcp(host, port, tls === null ? null : (loadTls() ?? tls), signal);
}

/** For the Host header, which an engine does not look at but a proxy does. */
export function hostHeaderOf(endpoint: Endpoint): string {
  if (endpoint.kind !== "tcp") return "localhost";
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

async function inTime(
  signal: AbortSignal,
  connect: (signal: AbortSignal) => Promise<Channel>,
): Promise<Channel> {
  using limit = expiring(signal, CONNECT_MS, () => new Error(`no connection within ${CONNECT_MS / 1000} s`));
  // With await, or the limit is let go before there is a connection.
  return await connect(limit.signal);
}

async function dialSsh(target: string, environment: Environment): Promise<Channel> {
  // Loaded only where ssh is used.
  const { dialProgram } = await import("../../../runtime/dial-program.ts");
  return dialProgram(sshCommand(target), forHelpers(environment));
}

/**
 * Docker's own way over ssh: its client there connects its standard streams to its engine. A daemon
 * has nobody to ask, so ssh must not wait for a password or for a yes to a new host key.
 */
export function sshCommand(target: string): readonly string[] {
  const { options, host, docker } = partsOf(target);
  const limit = `ConnectTimeout=${SSH_CONNECT_MS / 1000}`;
  const unasked = ["-T", "-o", "BatchMode=yes", "-o", limit];
  return ["ssh", ...unasked, ...options, "--", host, ...docker, "system", "dial-stdio"];
}

/** For a person to try the same by hand. */
export function sshTrial(target: string): string {
  const { options, host, docker } = partsOf(target);
  return ["ssh", ...options, host, ...docker, "version"].join(" ");
}

function partsOf(target: string) {
  const { hostname, port, username, pathname } = new URL(target);
  const socket =
    pathname === "" || pathname === "/" ? [] : ["--host", `unix://${decodeURIComponent(pathname)}`];
  return {
    options: [
      ...(username === "" ? [] : ["-l", decodeURIComponent(username)]),
      ...(port === "" ? [] : ["-p", port]),
    ],
    host: hostname.replace(/^\[|\]$/g, ""),
    docker: ["docker", ...socket],
  };
}
