/**
 * Byte connections: to a unix socket, a TCP port, a TLS server, or a program's standard streams. Own
 * sockets and not fetch, because fetch lets 256 requests be open in the whole process and keeps any
 * more waiting: streams that last as long as a task would shut out every other call.
 */
import { type Channel, InboundQueue } from "./byte-channel.ts";
import { orNoRoute } from "./no-connection.ts";

export interface DialTls {
  /** PEM; null: the system's authorities. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly verify: boolean;
}

const KEEP_ALIVE_MS = 30_000;

/** @throws the system's error (ENOENT, ECONNREFUSED, EACCES…) */
export function dialUnix(path: string, signal: AbortSignal): Promise<Channel> {
  return connect((socket) => Bun.connect({ unix: path, socket }), null, signal);
}

/** `host` is a name or an address. @throws the system's error, or TLS's about the certificate */
export async function dialTcp(
  host: string,
  port: number,
  tls: DialTls | null,
  signal: AbortSignal,
): Promise<Channel> {
  const options = tls === null ? {} : { tls: tlsOptions(tls) };
  try {
    return await connect((socket) => Bun.connect({ hostname: host, port, ...options, socket }), tls, signal);
  } catch (error) {
    throw await orNoRoute(error, host, port);
  }
}

function tlsOptions({ ca, cert, key, verify }: DialTls): Bun.TLSOptions {
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    rejectUnauthorized: verify,
  };
}

type Handler = Bun.SocketHandler<undefined>;

/** Settles once bytes may be sent: connected, and the server's certificate found good. */
async function connect(
  open: (handler: Handler) => Promise<Bun.Socket<undefined>>,
  tls: DialTls | null,
  signal: AbortSignal,
): Promise<Channel> {
  signal.throwIfAborted();
  const ready = Promise.withResolvers<void>();
  const inbound = new InboundQueue();
  const writable = new Signalled();
  const giveUp = () => ready.reject(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  const opened = open(handlerOf(inbound, writable, tls, ready));
  try {
    const [socket] = await Promise.all([opened, ready.promise]);
    inbound.flow({ pause: () => socket.pause(), resume: () => socket.resume() });
    return new SocketChannel(socket, inbound, writable);
  } catch (error) {
    opened.then(
      (socket) => socket.terminate(),
      () => undefined,
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function handlerOf(
  inbound: InboundQueue,
  writable: Signalled,
  tls: DialTls | null,
  ready: { resolve: () => void; reject: (error: unknown) => void },
): Handler {
  return {
    open: (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      if (tls === null) ready.resolve();
    },
    handshake: (_socket, success, error) => {
      if (tls?.verify && (!success || error !== null)) {
        ready.reject(error ?? new Error("The TLS handshake failed"));
      } else ready.resolve();
    },
    connectError: (_socket, error) => ready.reject(error),
    data: (_socket, bytes) => inbound.push(bytes),
    drain: () => writable.wake(),
    error: (_socket, error) => {
      inbound.fail(error);
      ready.reject(error);
    },
    close: (_socket, error) => {
      if (error === undefined) inbound.end();
      else inbound.fail(error);
      ready.reject(error ?? new Error("The connection was closed before it was ready"));
      writable.wake();
    },
  };
}

/** Wakes whoever waits, each time. */
class Signalled {
  #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

class SocketChannel implements Channel {
  readonly #socket: Bun.Socket<undefined>;
  readonly #inbound: InboundQueue;
  readonly #writable: Signalled;

  constructor(socket: Bun.Socket<undefined>, inbound: InboundQueue, writable: Signalled) {
    this.#socket = socket;
    this.#inbound = inbound;
    this.#writable = writable;
  }

  read(): Promise<Uint8Array | null> {
    return this.#inbound.next();
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#inbound.ended) throw new Error("The connection was closed by the other side");
      const written = this.#socket.write(rest);
      if (written < 0) throw new Error("The connection was closed by the other side");
      rest = rest.subarray(written);
      // Bun takes what the system takes, and tells by `drain` when that is more again.
      if (rest.length > 0) await this.#writable.next();
    }
  }

  close(): void {
    this.#socket.terminate();
    this.#inbound.end();
    this.#writable.wake();
  }
}
