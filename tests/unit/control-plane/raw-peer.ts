/**
 * A far side of the link, frame by frame: it answers pings as told or not at all, reads or does not,
 * and may answer the handshake with anything. A real WebSocket server does all that by itself.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Bell } from "../../../src/dev/bell.ts";

export interface PeerFrame {
  /** From 1, in the order of connecting. */
  readonly connection: number;
  readonly kind: "text" | "ping" | "pong" | "close" | "other";
  readonly payload: string;
}

export interface RawPeerOptions {
  /** Payloads of the pongs that answer a ping; the ping's own unless told. */
  readonly pongsFor?: (payload: string, connection: number) => readonly string[];
  /** The whole answer to a handshake instead of 101. */
  readonly answer?: string;
  /** False: nothing is read after the handshake until `read`. */
  readonly reading?: boolean;
  /** True: TCP stays open on its side when the WebSocket is closed. */
  readonly keepsTcp?: boolean;
}

const KINDS: Readonly<Record<number, PeerFrame["kind"]>> = { 1: "text", 8: "close", 9: "ping", 10: "pong" };
const CODES = { text: 1, close: 8, ping: 9, pong: 10, binary: 2 } as const;
const NO_DEADLINE = { timeoutMs: Number.POSITIVE_INFINITY };

export class RawPeer implements AsyncDisposable {
  readonly frames: PeerFrame[] = [];
  /** The requests of all handshakes, head only. */
  readonly requests: string[] = [];
  readonly #options: RawPeerOptions;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #bell = new Bell();

  private constructor(options: RawPeerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: options.keepsTcp === true }, (socket) =>
      this.#serve(socket),
    );
  }

  static async start(options: RawPeerOptions = {}): Promise<RawPeer> {
    const peer = new RawPeer(options);
    peer.#server.listen(0, "127.0.0.1");
    await once(peer.#server, "listening");
    return peer;
  }

  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`;
  }

  texts(connection?: number): readonly string[] {
    return this.#of("text", connection);
  }

  pings(connection?: number): readonly string[] {
    return this.#of("ping", connection);
  }

  /** Without a deadline of its own: tests with fake timers wait too. */
  until<T>(probe: () => T | undefined): Promise<T> {
    return this.#bell.until(probe, () => "the peer", NO_DEADLINE);
  }

  async untilTexts(count: number, connection?: number): Promise<readonly string[]> {
    return this.until(() => {
      const texts = this.texts(connection);
      return texts.length >= count ? texts : undefined;
    });
  }

  async untilPings(count: number, connection?: number): Promise<readonly string[]> {
    return this.until(() => {
      const pings = this.pings(connection);
      return pings.length >= count ? pings : undefined;
    });
  }

  async untilRequests(count: number): Promise<void> {
    await this.until(() => (this.requests.length >= count ? true : undefined));
  }

  /** Every connection so far is at its end. */
  async untilAllClosed(): Promise<void> {
    await this.until(() => (this.#sockets.every(({ closed }) => closed) ? true : undefined));
  }

  /** To the latest connection. */
  send(kind: keyof typeof CODES, payload: string | Uint8Array): void {
    this.#sockets.at(-1)?.write(encode(CODES[kind], Buffer.from(payload)));
  }

  read(): void {
    this.#sockets.at(-1)?.resume();
  }

  /** Ends the latest connection without a close frame. */
  drop(): void {
    this.#sockets.at(-1)?.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #of(kind: PeerFrame["kind"], connection?: number): readonly string[] {
    return this.frames
      .filter((frame) => frame.kind === kind && (connection ?? frame.connection) === frame.connection)
      .map(({ payload }) => payload);
  }

  #serve(socket: Socket): void {
    this.#sockets.push(socket);
    const connection = this.#sockets.length;
    let head = "";
    let bytes: Buffer = Buffer.alloc(0);
    let upgraded = false;
    socket.on("error", () => {});
    socket.on("close", () => this.#bell.ring());
    socket.on("data", (chunk: Buffer) => {
      if (!upgraded) {
        head += chunk.toString("latin1");
        if (!head.includes("\r\n\r\n")) return;
        this.requests.push(head);
        upgraded = true;
        socket.write(this.#options.answer ?? acceptance(head));
        if (this.#options.reading === false) socket.pause();
      } else {
        bytes = this.#decode(Buffer.concat([bytes, chunk]), connection, socket);
      }
      this.#bell.ring();
    });
  }

  /** @returns what is left of an incomplete frame */
  #decode(bytes: Buffer, connection: number, socket: Socket): Buffer {
    let rest = bytes;
    for (let frame = decodeOne(rest); frame !== null; frame = decodeOne(rest)) {
      rest = rest.subarray(frame.length);
      const kind = KINDS[frame.code] ?? "other";
      const payload = frame.payload.toString("utf8");
      this.frames.push({ connection, kind, payload });
      if (kind === "ping") {
        const pongs = this.#options.pongsFor?.(payload, connection) ?? [payload];
        for (const pong of pongs) socket.write(encode(CODES.pong, Buffer.from(pong)));
      }
      if (kind === "close" && !this.#options.keepsTcp) socket.end(encode(CODES.close, frame.payload));
    }
    return rest;
  }
}

function acceptance(head: string): string {
  const key = /^sec-websocket-key: *(.*?)\r$/im.exec(head)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** Unmasked, as a server sends. */
function encode(code: number, payload: Buffer): Buffer {
  const length = payload.length;
  const head =
    length < 126
      ? Buffer.from([0x80 | code, length])
      : Buffer.from([
          0x80 | code,
          127,
          0,
          0,
          0,
          0,
          length >>> 24,
          (length >>> 16) & 255,
          (length >>> 8) & 255,
          length & 255,
        ]);
  return Buffer.concat([head, payload]);
}

interface Decoded {
  readonly code: number;
  readonly payload: Buffer;
  /** Head included. */
  readonly length: number;
}

/** A masked frame, as a client sends; null while it is incomplete. */
function decodeOne(bytes: Buffer): Decoded | null {
  if (bytes.length < 2) return null;
  const short = (bytes[1] ?? 0) & 127;
  const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (bytes.length < 6 + extra) return null;
  const size = extra === 2 ? bytes.readUInt16BE(2) : extra === 8 ? Number(bytes.readBigUInt64BE(2)) : short;
  const start = 6 + extra;
  if (bytes.length < start + size) return null;
  const mask = bytes.subarray(start - 4, start);
  const payload = Buffer.from(
    bytes.subarray(start, start + size).map((byte, at) => byte ^ (mask[at % 4] ?? 0)),
  );
  return { code: (bytes[0] ?? 0) & 15, payload, length: start + size };
}
