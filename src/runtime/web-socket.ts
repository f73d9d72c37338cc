/**
 * Bun's WebSocket client: custom headers, a proxy, a private CA, pings with an answer that can be
 * matched, and a way to drop a peer that no longer answers.
 */
import { whyNotConnected } from "./no-connection.ts";

export interface SocketOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: string | null;
  /** PEM texts that replace the built-in trust; null: the system's. */
  readonly certificateAuthorities: readonly string[] | null;
}

export interface SocketEvents {
  onOpen(): void;
  onText(text: string): void;
  onPong(payload: string): void;
  /** Any frame at all, control frames included: the peer lives. */
  onFrame(): void;
  /** Once, last. `status`: the HTTP status of a refused handshake. */
  onEnd(end: { readonly why: string; readonly status: number | null }): void;
}

export interface Socket {
  send(text: string): void;
  ping(payload: string): void;
  /** Bytes accepted by `send` and not yet by the system. */
  readonly backlogBytes: number;
  /** One side has said good-bye, and the connection is not over yet. */
  readonly closing: boolean;
  close(): void;
  /** Without a word, at once. */
  drop(): void;
}

/** Throws for what is no URL, no header or no proxy; whatever fails later is told by `onEnd`. */
export function openSocket(options: SocketOptions, events: SocketEvents): Socket {
  const init: Bun.WebSocketOptions = {
    headers: { ...options.headers },
    // Offered by default; a worker's frames are small, and each side would keep buffers for it.
    perMessageDeflate: false,
    ...(options.proxy === null ? {} : { proxy: options.proxy }),
    tls: {
      ...(options.certificateAuthorities === null ? {} : { ca: [...options.certificateAuthorities] }),
      // Said, because a variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) would decide otherwise.
      rejectUnauthorized: true,
    },
  };
  const socket = new WebSocket(options.url, init);
  socket.binaryType = "nodebuffer";
  let failure = "";
  socket.addEventListener("open", () => events.onOpen());
  socket.addEventListener("message", ({ data }: MessageEvent<string | Buffer>) => {
    events.onFrame();
    events.onText(typeof data === "string" ? data : data.toString("utf8"));
  });
  socket.addEventListener("pong", ({ data }: MessageEvent<Buffer>) => {
    events.onFrame();
    events.onPong(data.toString("latin1"));
  });
  socket.addEventListener("ping", () => events.onFrame());
  socket.addEventListener("error", (event) => {
    failure = (event instanceof ErrorEvent ? event.message : "") || "connection failed";
  });
  socket.addEventListener("close", async ({ code, reason }) => {
    const said =
      reason === "" ? `closed by the peer with code ${code}` : `closed by the peer: ${reason} (${code})`;
    const why = failure === "" ? said : await whyFailed(failure, options);
    events.onEnd({ why, status: handshakeStatus(failure) });
  });
  return {
    send: (text) => void socket.send(text),
    ping: (payload) => void socket.ping(payload),
    get backlogBytes() {
      return socket.bufferedAmount;
    },
    get closing() {
      return socket.readyState === WebSocket.CLOSING;
    },
    close: () => socket.close(1000),
    drop: () => socket.terminate(),
  };
}

/** Bun puts the URL before the cause; ours is logged beside it. */
async function whyFailed(message: string, options: SocketOptions): Promise<string> {
  const why = message.replace(/^WebSocket connection to '.*?' failed: /, "");
  // All that it says when there is not even a TCP connection.
  return why === "Failed to connect" ? await whyNotConnected(options) : why;
}

/** Bun tells the status of a refused handshake in the error's text only; a test fails when that changes. */
function handshakeStatus(message: string): number | null {
  const match = /Expected 101 status code: (\d{3})/.exec(message);
  return match === null ? null : Number(match[1]);
}
