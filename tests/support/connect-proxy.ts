/** An HTTP proxy on the loopback address that tunnels (CONNECT), and notes what it was asked for. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface Tunnel {
  /** The request line: `CONNECT HOST:PORT HTTP/1.1`. */
  readonly request: string;
  /** The value of Proxy-Authorization; null without one. */
  readonly credentials: string | null;
}

export class ConnectProxy implements AsyncDisposable {
  readonly tunnels: Tunnel[] = [];
  readonly port: number;
  readonly #server: Server;
  readonly #leadsTo: number | null;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, leadsTo: number | null) {
    this.#server = server;
    this.#leadsTo = leadsTo;
    this.port = port;
    server.on("connection", (client: Socket) => this.#serve(client));
  }

  /** `leadsTo`: the port of all tunnels, whichever is asked for; null: that one. */
  static async start(leadsTo: number | null = null): Promise<ConnectProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    return new ConnectProxy(server, port, leadsTo);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(client: Socket): void {
    this.#keep(client);
    let head = "";
    const read = (bytes: Buffer) => {
      head += bytes.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      client.off("data", read);
      this.#tunnel(client, head);
    };
    client.on("data", read);
  }

  #tunnel(client: Socket, head: string): void {
    const [request = ""] = head.split("\r\n", 1);
    const credentials = /^proxy-authorization: *(.*)$/im.exec(head)?.[1]?.trim() ?? null;
    this.tunnels.push({ request, credentials });
    const target = /^CONNECT (.+):(\d+) HTTP\/1\.1$/.exec(request);
    if (!target) {
      client.end("HTTP/1.1 405 Method Not Allowed\r\n\r\n");
      return;
    }
    const upstream = connect({ host: target[1] ?? "", port: this.#leadsTo ?? Number(target[2]) });
    this.#keep(upstream);
    upstream.on("connect", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(upstream).pipe(client);
    });
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // A tunnel that is reset is an everyday event; "close" follows and does the work.
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
