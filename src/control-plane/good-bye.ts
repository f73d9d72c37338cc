/**
 * Watches for a peer that has closed the WebSocket and leaves the TCP connection open: one that froze, or a proxy that
 * keeps what its server has left. Nothing sent to it is read, and no event tells of its close frame before TCP is
 * over, for which Bun waits 36 s and `ws` 30 s. So it is looked at.
 */
import type { Socket } from "../runtime/web-socket.ts";

const LOOK_EVERY_MS = 1_000;

export class GoodBye {
  private readonly socket: Pick<Socket, "closing" | "drop">;
  private timer: ReturnType<typeof setInterval> | null = null;
  /** At the last look; most peers have ended TCP by the next one. */
  private seen = false;

  constructor(socket: Pick<Socket, "closing" | "drop">) {
    this.socket = socket;
  }

  /** The socket is dropped one to two seconds after the close frame, and tells of its end with the peer's words. */
  watch(): void {
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private look(): void {
    if (!this.socket.closing) return;
    if (this.seen) {
      this.stop();
      this.socket.drop();
    }
    this.seen = true;
  }
}
