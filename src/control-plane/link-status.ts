/** What the link tells of itself, at once (LinkObserver) and when it is asked (LinkStatus). */

/** Why another connection has to be made: none came about, or the one there was ended. */
export type ReconnectReason = "dial_failed" | "remote_close";

/** None of these may throw. */
export interface LinkObserver {
  /** A connection is open. */
  up(): void;
  /** It is no more. */
  down(): void;
  /** A new attempt follows, after a rest. */
  reconnecting(reason: ReconnectReason): void;
}

export interface LinkStatus {
  /** `waiting`: between two attempts. */
  readonly state: "connecting" | "connected" | "waiting" | "closed";
  /** Since when, in ms since 1970. */
  readonly since: number;
  /** Since when there is no connection, in ms since 1970; null: there is one. */
  readonly downSince: number | null;
  /** When a pong last came, in ms since 1970; null: never on any connection. */
  readonly lastPongAt: number | null;
  /** Attempts after the first. */
  readonly reconnects: number;
}

/** Keeps the status up to date. */
export class LinkLog {
  private current: LinkStatus = beforeTheFirst(Date.now());

  get status(): LinkStatus {
    return this.current;
  }

  enter(state: LinkStatus["state"]): void {
    if (state === this.current.state) return;
    const since = Date.now();
    const downSince = state === "connected" ? null : (this.current.downSince ?? since);
    this.current = { ...this.current, state, since, downSince };
  }

  pong(): void {
    this.current = { ...this.current, lastPongAt: Date.now() };
  }

  reconnecting(): void {
    this.current = { ...this.current, reconnects: this.current.reconnects + 1 };
  }
}

function beforeTheFirst(since: number): LinkStatus {
  return { state: "connecting", since, downSince: since, lastPongAt: null, reconnects: 0 };
}
