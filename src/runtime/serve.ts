/**
 * An HTTP and WebSocket server on the loopback address, for the local control plane. Thin on purpose:
 * all that another runtime would have to bring is in this file's types.
 */

/** One open WebSocket, seen from the server. */
export interface ServerSocket {
  /** False: the socket is closed. What the peer does not read piles up in memory. */
  send(frame: string | Uint8Array): boolean;
  /** With a close frame. */
  close(code: number, reason: string): void;
  /** Without one. */
  terminate(): void;
}

export interface SocketHandlers {
  onOpen(socket: ServerSocket): void;
  onFrame(frame: string | Uint8Array): void;
  /** A ping of the client, already answered. */
  onPing(): void;
  onClose(code: number, reason: string): void;
}

export type Answer = { readonly response: Response } | { readonly upgrade: SocketHandlers };

export interface ServeOptions {
  /** 0: any free one. */
  readonly port: number;
  /**
   * `clientPort` is the far end's TCP port, which tells connections of one address apart.
   * A pending answer may take as long as it wants; a throw becomes a 500.
   */
  answer(request: Request, clientPort: number): Answer | Promise<Answer>;
}

export interface Server {
  /** The real one. */
  readonly port: number;
  /** Ends every connection at once. */
  stop(): Promise<void>;
}

/** The largest frame or body that is read. A control plane of ours never sees more from a worker. */
const LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024;

export async function serve(options: ServeOptions): Promise<Server> {
  const server = Bun.serve<SocketHandlers>({
    hostname: "127.0.0.1",
    port: options.port,
    // Bun cuts a handler that takes longer than 10 s; an upgrade that is never answered is one of our faults.
    idleTimeout: 0,
    maxRequestBodySize: LARGEST_MESSAGE_BYTES,
    development: false,
    async fetch(request, self) {
      const answer = await options.answer(request, self.requestIP(request)?.port ?? 0);
      if ("response" in answer) return answer.response;
      if (self.upgrade(request, { data: answer.upgrade })) return undefined;
      return new Response("A WebSocket handshake is needed here\n", { status: 426 });
    },
    error: (error) => new Response(`${error.message}\n`, { status: 500 }),
    websocket: {
      // Whether a link is alive is the worker's to find out: the server neither pings nor gives up.
      idleTimeout: 0,
      sendPings: false,
      perMessageDeflate: false,
      maxPayloadLength: LARGEST_MESSAGE_BYTES,
      backpressureLimit: LARGEST_MESSAGE_BYTES,
      open: (socket) => socket.data.onOpen(wrap(socket)),
      message: (socket, frame) => socket.data.onFrame(frame),
      ping: (socket) => socket.data.onPing(),
      close: (socket, code, reason) => socket.data.onClose(code, reason),
    },
  });
  return {
    port: server.port ?? 0,
    stop: () => server.stop(true),
  };
}

function wrap(socket: Bun.ServerWebSocket<SocketHandlers>): ServerSocket {
  return {
    send: (frame) => socket.send(frame) !== 0,
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}
