/** A connection through an HTTP proxy, by CONNECT. */
import { connect, isIP, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";

/** In the names of node:tls. */
export interface TunnelTls {
  /** PEM texts that replace the system's authorities. */
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface TunnelOptions {
  /** With its credentials, if it wants any. */
  readonly proxy: URL;
  readonly target: URL;
  /** Towards the target; a proxy of HTTPS is trusted by the same authorities. */
  readonly tls: TunnelTls;
  readonly signal: AbortSignal;
}

/** Longer than any answer to a CONNECT that says something. */
const LARGEST_HEAD_BYTES = 16 * 1024;

type Done = (error: Error | null, socket: Duplex) => void;

/** For node:http's request, which takes the socket from the callback when it is ready. */
export function throughTunnel(options: TunnelOptions) {
  return {
    createConnection: (_options: unknown, done: Done) => {
      openTunnel(options).then(
        (socket) => done(null, socket),
        (error) => done(error, new Socket()),
      );
      return null;
    },
  };
}

/** Settles once bytes to the target may be sent: its certificate, if it has one, found good. */
async function openTunnel(options: TunnelOptions): Promise<Socket> {
  const { target, signal } = options;
  const socket = reach(options);
  const giveUp = () => void socket.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await connected(socket, options.proxy.protocol === "https:" ? "secureConnect" : "connect");
    socket.write(requestFor(options));
    const status = await readStatus(socket);
    if (status !== 200) throw new Error(`The proxy answered CONNECT with status ${status}`);
    if (!isSecure(target)) return socket;
    const secure = connectTls({ socket, ...namesOf(target), ...options.tls });
    await connected(secure, "secureConnect");
    return secure;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function reach({ proxy, tls }: TunnelOptions): Socket {
  const host = bare(proxy.hostname);
  if (proxy.protocol !== "https:") return connect({ host, port: Number(proxy.port || 80) });
  const { ca } = tls;
  const trust = ca === undefined ? {} : { ca };
  return connectTls({ port: Number(proxy.port || 443), ...namesOf(proxy), ...trust });
}

/** A certificate is for a name or an address; only names are told to the server beforehand. */
function namesOf({ hostname }: URL): { readonly host: string; readonly servername: string } {
  const host = bare(hostname);
  return { host, servername: isIP(host) === 0 ? host : "" };
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "wss:" || protocol === "https:";
}

function requestFor({ proxy, target }: TunnelOptions): string {
  const authority = `${target.hostname}:${target.port || (isSecure(target) ? 443 : 80)}`;
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

/** The status of the proxy's answer. */
function readStatus(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const read = (bytes: Buffer) => {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 && head.length < LARGEST_HEAD_BYTES) return;
      // Not paused: who reads on would not know of it, and the target says nothing before it is asked.
      socket.off("data", read);
      const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString("latin1")) ?? [];
      if (status === undefined || end < 0) reject(new Error("The proxy's answer is not HTTP"));
      else resolve(Number(status));
    };
    socket.on("data", read);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The proxy closed the connection")));
  });
}
