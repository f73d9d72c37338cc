/** The WebSocket endpoint for workers: who is let in, what their frames and their going away set off. */
import { firing } from "../async/wait.ts";
import type { Answer, ServerSocket, SocketHandlers } from "../runtime/serve.ts";
import type { Dispatcher } from "./dispatch.ts";
import type { Faults } from "./faults.ts";
import type { PipedConnection } from "./faulty-pipe.ts";
import type { FrameLog } from "./frame-log.ts";
import { type Handshake, type HandshakeLog, objectionTo } from "./handshake.ts";
import type { Link, Links } from "./links.ts";

export interface LinkEndpointParts {
  readonly links: Links;
  readonly frames: FrameLog;
  readonly handshakes: HandshakeLog;
  readonly faults: Faults;
  readonly dispatcher: Dispatcher;
  /** Null: any worker id is welcome. */
  readonly workerId: string | null;
  /** Asked at each handshake. */
  apiKey(): string;
  /** The relayed connection that the server sees as coming from this port. */
  pipeOf(clientPort: number): PipedConnection | undefined;
  /** Called after anything that someone may be waiting for. */
  changed(): void;
}

/** Workers ping every 30 s; a link that was silent for four times that is dead, and its offers go elsewhere. */
const DEAD_LINK_MS = 120_000;
const DEAD_LINK_CHECK_MS = 5_000;

export class LinkEndpoint {
  readonly #parts: LinkEndpointParts;
  readonly #reaper: ReturnType<typeof setInterval>;
  readonly #stopped = Promise.withResolvers<void>();

  constructor(parts: LinkEndpointParts) {
    this.#parts = parts;
    this.#reaper = setInterval(() => this.#cutDeadLinks(), DEAD_LINK_CHECK_MS);
  }

  async answer(request: Request, url: URL, clientPort: number): Promise<Answer> {
    const workerId = url.searchParams.get("worker_id") ?? "";
    const fault = this.#parts.faults.takeHandshakeFault();
    if (fault?.kind === "hang") {
      this.#note(workerId, "hung");
      using gone = firing(request.signal);
      await Promise.race([gone.fired, this.#stopped.promise]);
      return { response: new Response(null, { status: 503 }) };
    }
    const refusal =
      fault?.kind === "refuse"
        ? { status: fault.status, message: "Refused on request" }
        : objectionTo(request, workerId, { apiKey: this.#parts.apiKey(), workerId: this.#parts.workerId });
    if (refusal) {
      this.#note(workerId, refusal.status);
      return { response: new Response(`${refusal.message}\n`, { status: refusal.status }) };
    }
    this.#note(workerId, "accepted");
    return { upgrade: this.#handlersFor(workerId, clientPort) };
  }

  stop(): void {
    clearInterval(this.#reaper);
    this.#stopped.resolve();
  }

  #handlersFor(workerId: string, clientPort: number): SocketHandlers {
    const { links, frames, faults, dispatcher, changed } = this.#parts;
    let link: Link | null = null;
    return {
      onOpen: (socket: ServerSocket) => {
        const pipe = this.#parts.pipeOf(clientPort);
        // Cut between its handshake and now.
        if (!pipe) return socket.terminate();
        link = links.add(workerId, pipe, socket);
        faults.onLinkOpened(link);
        dispatcher.onLinkOpened(link);
        changed();
      },
      onFrame: (raw) => {
        if (!link) return;
        link.heard("frame");
        dispatcher.onFrame(link, frames.record(link.number, raw));
        changed();
      },
      onPing: () => {
        link?.heard("ping");
        changed();
      },
      onClose: () => {
        if (!link) return;
        links.remove(link);
        dispatcher.onLinkClosed(link);
        changed();
      },
    };
  }

  #note(workerId: string, outcome: Handshake["outcome"]): void {
    this.#parts.handshakes.record(workerId, outcome);
    this.#parts.changed();
  }

  #cutDeadLinks(): void {
    for (const link of this.#parts.links.open) {
      if (link.silentForMs > DEAD_LINK_MS) link.pipe.cut("reset");
    }
  }
}
