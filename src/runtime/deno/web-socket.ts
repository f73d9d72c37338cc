/**
 * The WebSocket client under Deno, by the `ws` package: Deno's own has no pings, and on their answers
 * rests the proof that a message was read.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import { type ClientOptions, WebSocket } from "ws";
import type { Socket, SocketEvents, SocketOptions } from "../web-socket.ts";
import { throughTunnel } from "./proxy-tunnel.ts";

export function openSocket(options: SocketOptions, events: SocketEvents): Socket {
  const ended = new AbortController();
  const socket = new WebSocket(options.url, clientOptions(options, ended.signal));
  let failure = "";
  let status: number | null = null;
  socket.on("open", () => events.onOpen());
  socket.on("message", (data: Buffer) => {
    events.onFrame();
    events.onText(data.toString("utf8"));
  });
  socket.on("pong", (data) => {
    events.onFrame();
    events.onPong(data.toString("latin1"));
  });
  socket.on("ping", () => events.onFrame());
  socket.on("unexpected-response", (_request: ClientRequest, answer: IncomingMessage) => {
    status = answer.statusCode ?? null;
    failure = `Expected 101 status code: ${answer.statusCode}`;
    socket.terminate();
  });
  socket.on("error", (error) => {
    failure ||= error.message || "connection failed";
  });
  socket.on("close", (code, reason) => {
    ended.abort();
    const said =
      reason.length === 0
        ? `closed by the peer with code ${code}`
        : `closed by the peer: ${reason} (${code})`;
    events.onEnd({ why: failure === "" ? said : failure, status });
  });
  return {
    send: (text) => socket.send(text),
    ping: (payload) => socket.ping(payload),
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

/** @param signal ends what the socket itself does not know of: a tunnel that is not ready yet */
function clientOptions(options: SocketOptions, signal: AbortSignal): ClientOptions {
  const { url, headers, proxy, certificateAuthorities: ca } = options;
  // Said, because a variable of the environment (NODE_TLS_REJECT_UNAUTHORIZED) would decide otherwise.
  const tls = { ...(ca === null ? {} : { ca: [...ca] }), rejectUnauthorized: true };
  const plain = { headers: { ...headers }, perMessageDeflate: false, ...tls };
  if (proxy === null) return plain;
  const { createConnection } = throughTunnel({ proxy: new URL(proxy), target: new URL(url), tls, signal });
  // The package hands it to node:http, whose type of it is another.
  return { ...plain, createConnection: createConnection as ClientOptions["createConnection"] & object };
}
