/** The connections of workers: which are open, whose turn it is, and what each has seen. */
import type { ServerSocket } from "../runtime/serve.ts";
import type { PipedConnection } from "./faulty-pipe.ts";

export class Link {
  /** From 1, in the order of opening. */
  readonly number: number;
  readonly workerId: string;
  readonly openedAt = Date.now();
  /** What the TCP connection below can be told to do wrong. */
  readonly pipe: PipedConnection;
  readonly #socket: ServerSocket;
  #pings = 0;
  #heardAt = performance.now();

  constructor(number: number, workerId: string, pipe: PipedConnection, socket: ServerSocket) {
    this.number = number;
    this.workerId = workerId;
    this.pipe = pipe;
    this.#socket = socket;
  }

  get pings(): number {
    return this.#pings;
  }

  get silentForMs(): number {
    return performance.now() - this.#heardAt;
  }

  heard(what: "frame" | "ping"): void {
    this.#heardAt = performance.now();
    if (what === "ping") this.#pings++;
  }

  send(type: string, data: unknown): void {
    this.sendRaw(JSON.stringify({ type, data }));
  }

  sendRaw(frame: string | Uint8Array): void {
    this.#socket.send(frame);
  }

  /** With a close frame, as a server that goes away in good order. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

export class Links {
  readonly #open = new Map<number, Link>();
  #total = 0;
  #lastServed = 0;

  add(workerId: string, pipe: PipedConnection, socket: ServerSocket): Link {
    const link = new Link(++this.#total, workerId, pipe, socket);
    this.#open.set(link.number, link);
    return link;
  }

  remove(link: Link): void {
    this.#open.delete(link.number);
  }

  get(number: number): Link | undefined {
    return this.#open.get(number);
  }

  /** Oldest first. */
  get open(): readonly Link[] {
    return [...this.#open.values()];
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Opened so far. */
  get total(): number {
    return this.#total;
  }

  /** Several workers of one id share the work in turn. */
  next(): Link | undefined {
    const open = this.open;
    const link = open.find((candidate) => candidate.number > this.#lastServed) ?? open[0];
    if (link) this.#lastServed = link.number;
    return link;
  }
}
