/** The HTTP and WebSocket server of the local control plane, under Deno: its own tells of no pings. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Answer, ServeOptions, Server, ServerSocket, SocketHandlers } from "../serve.ts";
import { answerOn, requestOf, writeHead } from "./node-http.ts";

const LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024;

export async function serve(options: ServeOptions): Promise<Server> {
  const upgrader = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LARGEST_MESSAGE_BYTES,
  });
  const connections = new Set<Socket>();
  const server = createServer(async (incoming, outgoing) => {
    const answer = await askFor(options, incoming);
    await answerOn(outgoing, responseOf(answer));
  });
  server.on("upgrade", async (incoming, socket, head) => {
    const answer = await askFor(options, incoming);
    if ("response" in answer) await refuse(socket, answer.response);
    else upgrader.handleUpgrade(incoming, socket, head, (opened) => join(opened, answer.upgrade));
  });
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    // A connection that is reset is an everyday event; "close" follows and does the work.
    socket.on("error", () => {});
    socket.on("close", () => connections.delete(socket));
  });
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Never rejects: a throw becomes a 500. */
async function askFor(options: ServeOptions, incoming: IncomingMessage): Promise<Answer> {
  try {
    const request = await requestOf(incoming, LARGEST_MESSAGE_BYTES);
    return await options.answer(request, incoming.socket.remotePort ?? 0);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { response: new Response(`${text}\n`, { status: 500 }) };
  }
}

function responseOf(answer: Answer): Response {
  if ("response" in answer) return answer.response;
  return new Response("A WebSocket handshake is needed here\n", { status: 426 });
}

/** There is no ServerResponse for a request that asked for another protocol. */
async function refuse(socket: Duplex, response: Response): Promise<void> {
  const body = Buffer.from(await response.arrayBuffer());
  socket.end(Buffer.concat([Buffer.from(writeHead(response, body.length)), body]));
}

function join(opened: WebSocket, handlers: SocketHandlers): void {
  opened.on("message", (data: Buffer, isBinary) => handlers.onFrame(isBinary ? data : data.toString("utf8")));
  opened.on("ping", () => handlers.onPing());
  // A frame that is none ends the connection; the end is all that anybody asks about.
  opened.on("error", () => {});
  opened.on("close", (code, reason) => handlers.onClose(code, reason.toString("utf8")));
  handlers.onOpen(wrap(opened));
}

function wrap(socket: WebSocket): ServerSocket {
  return {
    send: (frame) => {
      if (socket.readyState !== socket.OPEN) return false;
      socket.send(frame);
      return true;
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  };
}
