/** All that the control plane can do wrong on request, for rehearsals and tests. */
import type { Cut, Direction, PipedConnection } from "./faulty-pipe.ts";
import type { Link, Links } from "./links.ts";

/** What happens to a handshake instead of being accepted. */
export type HandshakeFault = { readonly kind: "refuse"; readonly status: number } | { readonly kind: "hang" };

export class Faults {
  readonly #links: Links;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #handshakeFault: HandshakeFault | null = null;
  #handshakesLeft = 0;
  #freezeAfterMs: number | null = null;
  #delayMs = 0;

  constructor(links: Links) {
    this.#links = links;
  }

  /** The next `times` handshakes, or all of them, are answered with this status. */
  refuse(status: number, times = Number.POSITIVE_INFINITY): void {
    this.#handshakeFault = { kind: "refuse", status };
    this.#handshakesLeft = times;
  }

  /** The next `times` handshakes, or all of them, are never answered. */
  hang(times = Number.POSITIVE_INFINITY): void {
    this.#handshakeFault = { kind: "hang" };
    this.#handshakesLeft = times;
  }

  /** Every open link ends without a close frame. */
  drop(how: Cut = "reset"): void {
    for (const link of this.#links.open) link.pipe.cut(how);
  }

  /** Every open link goes silent with its TCP connection open: nothing is read, no ping is answered. */
  freeze(direction: Direction = "both"): void {
    for (const link of this.#links.open) link.pipe.freeze(direction);
  }

  /** Frozen links go on where they stopped: a stall, not a loss. To lose what was sent, `drop` them. */
  thaw(): void {
    for (const link of this.#links.open) link.pipe.thaw();
  }

  /** Every open link ends in good order. */
  close(code: number, reason: string): void {
    for (const link of this.#links.open) link.close(code, reason);
  }

  /** Any frame at all, on every open link. */
  sendRaw(frame: string | Uint8Array): void {
    for (const link of this.#links.open) link.sendRaw(frame);
  }

  /** A frame of the protocol's form, `times` times in a row, on every open link. */
  send(type: string, data: unknown, times = 1): void {
    for (let sent = 0; sent < times; sent++) {
      for (const link of this.#links.open) link.send(type, data);
    }
  }

  /** What goes over links, those open and those to come, arrives that much later. */
  delayBy(delayMs: number): void {
    this.#delayMs = delayMs;
    for (const link of this.#links.open) link.pipe.delayBy(delayMs);
  }

  /** Every open link lets so many bytes more through and then ends, in the middle of a frame if need be. */
  truncateAfter(bytes: number, direction: Exclude<Direction, "both">): void {
    for (const link of this.#links.open) link.pipe.truncateAfter(bytes, direction);
  }

  /** Drops all links every so often, until stopped. */
  dropEvery(intervalMs: number): void {
    this.#timers.add(setInterval(() => this.drop(), intervalMs));
  }

  /** Each link to come freezes that long after it opened. */
  freezeEachAfter(delayMs: number): void {
    this.#freezeAfterMs = delayMs;
  }

  takeHandshakeFault(): HandshakeFault | null {
    if (this.#handshakeFault === null || this.#handshakesLeft <= 0) return null;
    this.#handshakesLeft--;
    return this.#handshakeFault;
  }

  onLinkOpened(link: Link): void {
    if (this.#delayMs > 0) link.pipe.delayBy(this.#delayMs);
    if (this.#freezeAfterMs !== null) this.#freezeLater(link.pipe, this.#freezeAfterMs);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #freezeLater(pipe: PipedConnection, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      pipe.freeze();
    }, delayMs);
    this.#timers.add(timer);
  }
}
