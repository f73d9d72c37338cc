/** Byte connections under Deno, by node:net and node:tls. */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type Channel, InboundQueue } from "../byte-channel.ts";
import type { DialTls } from "../dial.ts";

const KEEP_ALIVE_MS = 30_000;

export function dialUnix(path: string, signal: AbortSignal): Promise<Channel> {
  return open(() => connect({ path }), "connect", signal);
}

export function dialTcp(
  host: string,
  port: number,
  tls: DialTls | null,
  signal: AbortSignal,
): Promise<Channel> {
  if (tls === null) return open(() => connect({ host, port }), "connect", signal);
  return open(() => connectTls({ host, port, ...tlsOptions(host, tls) }), "secureConnect", signal);
}

function tlsOptions(host: string, { ca, cert, key, verify }: DialTls) {
  return {
    // Addresses are not told to a server, though its certificate may be for one.
    servername: isIP(host) === 0 ? host : "",
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    rejectUnauthorized: verify,
  };
}

/** @param ready the event after which bytes may be sent */
async function open(
  start: () => Socket,
  ready: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<Channel> {
  signal.throwIfAborted();
  const socket = start();
  const giveUp = () => void socket.destroy(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(ready, () => resolve());
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("The connection was closed before it was ready")));
    });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return new SocketChannel(socket);
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

class SocketChannel implements Channel {
  readonly #socket: Socket;
  readonly #inbound = new InboundQueue();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#inbound.push(bytes));
    socket.on("end", () => this.#inbound.end());
    socket.on("error", (error) => this.#inbound.fail(error));
    socket.on("close", () => this.#inbound.end());
    this.#inbound.flow({ pause: () => void socket.pause(), resume: () => void socket.resume() });
  }

  read(): Promise<Uint8Array | null> {
    return this.#inbound.next();
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#inbound.ended) return reject(new Error("The connection was closed by the other side"));
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#inbound.end();
    this.#socket.destroy();
  }
}
