/**
 * Everything that the far side has not been proven to have read, oldest first. It outlives
 * connections: a new one starts again at the oldest.
 */

/** A frame with its place in the order of all frames; numbers only ever grow. */
export interface OutboxFrame {
  readonly seq: number;
  readonly frame: string;
}

/** `afterTurn`: one of many perhaps that come in one turn, and may wait for its end. */
export type Urgency = "now" | "afterTurn";

interface HeldFrame extends OutboxFrame {
  /** When it came here, in ms since 1970. */
  readonly since: number;
}

export class Outbox {
  private readonly frames: HeldFrame[] = [];
  /** How many of them, from the front, the present connection has sent. */
  private sent = 0;
  private readonly onDelivered: (seq: number) => void;
  private listener: (urgency: Urgency) => void = () => {};

  /** `onDelivered`: everything up to `seq` has been read by the far side. */
  constructor(onDelivered: (seq: number) => void) {
    this.onDelivered = onDelivered;
  }

  get size(): number {
    return this.frames.length;
  }

  /** Since when the oldest is held, in ms since 1970; null: there is none. */
  get oldestSince(): number | null {
    return this.frames[0]?.since ?? null;
  }

  add(frame: OutboxFrame, urgency: Urgency = "now"): void {
    this.frames.push({ seq: frame.seq, frame: frame.frame, since: Date.now() });
    this.listener(urgency);
  }

  /** `listener` is told of every change; one at a time, the present connection's. */
  listen(listener: (urgency: Urgency) => void): void {
    this.listener = listener;
  }

  /** Nothing is proven by what an earlier connection sent. */
  rewind(): void {
    this.sent = 0;
  }

  takeUnsent(): OutboxFrame | null {
    const frame = this.frames[this.sent] ?? null;
    if (frame !== null) this.sent += 1;
    return frame;
  }

  /** The last frame that the present connection sent and that is not proven; 0 for none. */
  get lastSent(): number {
    return this.frames[this.sent - 1]?.seq ?? 0;
  }

  /** True when it is still to be sent on the present connection. */
  holdsUnsent(frame: string): boolean {
    return this.frames.some((held, index) => index >= this.sent && held.frame === frame);
  }

  /** The far side has read everything up to `seq`. */
  prove(seq: number): void {
    let proven = 0;
    while (proven < this.sent && (this.frames[proven]?.seq ?? seq + 1) <= seq) proven += 1;
    if (proven === 0) return;
    this.frames.splice(0, proven);
    this.sent -= proven;
    this.onDelivered(seq);
    this.listener("now");
  }
}
