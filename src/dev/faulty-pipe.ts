/**
 * A TCP relay on a loopback address that can be told to misbehave. A server that answers pings by
 * itself, as Bun's does, cannot play dead; a relay before it that stops reading can.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { PipeLane } from "./pipe-lane.ts";

const LOOPBACK = "127.0.0.1";

export interface PipeAddress {
  /** A loopback address; 127.0.0.1 unless told. */
  readonly host?: string | undefined;
  /** Unset or 0: any free one. */
  readonly port?: number | undefined;
}

export type Direction = "to-server" | "to-client" | "both";
/** `reset`: RST, bytes under way are lost. `close`: FIN, as of a process that ended. */
export type Cut = "reset" | "close";

export class PipedConnection {
  /** The relay's own port, as the server behind it sees it. */
  readonly upstreamPort: number;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #toServer: PipeLane;
  readonly #toClient: PipeLane;

  constructor(client: Socket, server: Socket) {
    this.upstreamPort = server.localPort ?? 0;
    this.#client = client;
    this.#server = server;
    this.#toServer = new PipeLane(client, server, () => this.cut("close"));
    this.#toClient = new PipeLane(server, client, () => this.cut("close"));
  }

  /** In either direction. */
  get frozen(): boolean {
    return this.#lanes("both").some((lane) => lane.frozen);
  }

  freeze(direction: Direction = "both"): void {
    for (const lane of this.#lanes(direction)) lane.freeze();
  }

  thaw(): void {
    for (const lane of this.#lanes("both")) lane.thaw();
  }

  /** Every piece read from now on arrives that much later, in order. */
  delayBy(delayMs: number): void {
    for (const lane of this.#lanes("both")) lane.delayBy(delayMs);
  }

  /** Lets so many bytes more through in one direction and then closes, in the middle of a frame if need be. */
  truncateAfter(bytes: number, direction: Exclude<Direction, "both">): void {
    for (const lane of this.#lanes(direction)) lane.truncateAfter(bytes);
  }

  cut(how: Cut): void {
    this.#toServer.close();
    this.#toClient.close();
    if (how === "reset") {
      this.#client.resetAndDestroy();
    } else {
      // A plain destroy with bytes unread would be a reset as well; `end` first writes what was accepted.
      this.#client.end();
      this.#client.destroySoon();
    }
    this.#server.resetAndDestroy();
  }

  #lanes(direction: Direction): PipeLane[] {
    if (direction === "both") return [this.#toServer, this.#toClient];
    return [direction === "to-server" ? this.#toServer : this.#toClient];
  }
}

export class FaultyPipe {
  readonly #targetPort: number;
  readonly host: string;
  readonly #connections = new Map<number, PipedConnection>();
  readonly #clients = new Set<Socket>();
  #listener: Server | null = null;
  #port: number;

  private constructor({ host = LOOPBACK, port = 0 }: PipeAddress, targetPort: number) {
    this.host = host;
    this.#port = port;
    this.#targetPort = targetPort;
  }

  /** @throws when the port is taken. */
  static async open(address: PipeAddress, targetPort: number): Promise<FaultyPipe> {
    const pipe = new FaultyPipe(address, targetPort);
    await pipe.listen();
    return pipe;
  }

  get port(): number {
    return this.#port;
  }

  /** Those that are open. */
  get connections(): readonly PipedConnection[] {
    return [...this.#connections.values()];
  }

  /** The connection that the server behind sees as coming from this port. */
  connectionFrom(upstreamPort: number): PipedConnection | undefined {
    return this.#connections.get(upstreamPort);
  }

  /** Again on the same port, after `close`. */
  async listen(): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#relay(client));
    listener.listen(this.#port, this.host);
    await once(listener, "listening");
    const address = listener.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
    this.#listener = listener;
  }

  /** Refuses new connections and resets all that are there. */
  async close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    if (!listener) return;
    const closed = once(listener, "close");
    listener.close();
    for (const connection of this.#connections.values()) connection.cut("reset");
    for (const client of this.#clients) client.resetAndDestroy();
    await closed;
  }

  #relay(client: Socket): void {
    client.pause();
    this.#clients.add(client);
    const server = connect({ host: LOOPBACK, port: this.#targetPort, allowHalfOpen: true, noDelay: true });
    // A reset by either end is an everyday event here; "close" follows and does the work.
    client.on("error", () => {});
    server.on("error", () => {});
    client.on("close", () => {
      this.#clients.delete(client);
      server.destroy();
    });
    server.on("close", () => client.destroySoon());
    server.on("connect", () => {
      const connection = new PipedConnection(client, server);
      this.#connections.set(connection.upstreamPort, connection);
      server.on("close", () => this.#connections.delete(connection.upstreamPort));
      client.resume();
    });
  }
}
