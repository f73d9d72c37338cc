/** A connection through an HTTP proxy, by CONNECT. */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface TunnelOptions {
  /** With its credentials, if it wants any. */
  readonly proxy: URL;
  readonly target: URL;
  /** PEM texts that replace the system's authorities. */
  readonly certificateAuthorities: readonly string[] | null;
  readonly signal: AbortSignal;
}

/** Longer than any answer to a CONNECT that says something. */
const LARGEST_HEAD_BYTES = 16 * 1024;

/** Settles once bytes to the target may be sent: its certificate, if it has one, found good. */
export async function openTunnel(options: TunnelOptions): Promise<Socket> {
  const { target, signal } = options;
  const socket = reach(options.proxy, options);
  const giveUp = () => void socket.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await connected(socket, options.proxy.protocol === "https:" ? "secureConnect" : "connect");
    socket.write(requestFor(options));
    const status = await readStatus(socket);
    if (status !== 200) throw new Error(`The proxy answered CONNECT with status ${status}`);
    if (target.protocol !== "wss:") return socket;
    const secure = connectTls({ socket, ...namesOf(target), ...trust(options) });
    await connected(secure, "secureConnect");
    return secure;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function reach(proxy: URL, options: TunnelOptions): Socket {
  const host = bare(proxy.hostname);
  if (proxy.protocol !== "https:") return connect({ host, port: Number(proxy.port || 80) });
  return connectTls({ port: Number(proxy.port || 443), ...namesOf(proxy), ...trust(options) });
}

/** A certificate is for a name or an address; only names are told to the server beforehand. */
function namesOf({ hostname }: URL): { readonly host: string; readonly servername: string } {
  const host = bare(hostname);
  return { host, servername: isIP(host) === 0 ? host : "" };
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function trust({ certificateAuthorities }: TunnelOptions): { readonly ca?: string[] } {
  return certificateAuthorities === null ? {} : { ca: [...certificateAuthorities] };
}

function requestFor({ proxy, target }: TunnelOptions): string {
  const authority = `${target.hostname}:${target.port || (target.protocol === "wss:" ? 443 : 80)}`;
  const words = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (proxy.username !== "") {
    const credentials = [proxy.username, proxy.password].map(decodeURIComponent).join(":");
    words.push(`Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}`);
  }
  return `${words.join("\r\n")}\r\n\r\n`;
}

function connected(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The connection was closed before it was ready")));
  });
}

/** The status of the proxy's answer. What follows its head stays in the socket. */
function readStatus(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const read = (bytes: Buffer) => {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length < LARGEST_HEAD_BYTES) return;
      socket.off("data", read);
      socket.pause();
      const rest = head.subarray(end + 4);
      if (end >= 0 && rest.length > 0) socket.unshift(rest);
      const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString("latin1")) ?? [];
      if (status === undefined || end < 0) reject(new Error("The proxy's answer is not HTTP"));
      else resolve(Number(status));
    };
    socket.on("data", read);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The proxy closed the connection")));
  });
}
