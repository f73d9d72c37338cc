/**
 * The worker's link to the control plane: one loop, one connection at a time. Drain and shutdown are
 * changes of its state that wake the loop; nothing else ever starts a connection.
 */
import { pause } from "../async/wait.ts";
import type { Logger } from "../logging/logger.ts";
import { secondsOf } from "../logging/seconds-of.ts";
import { wordsOf } from "../logging/words-of.ts";
import type { SocketOptions } from "../runtime/web-socket.ts";
import { FIRST_BOUND_MS, ReconnectBackoff } from "./backoff.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { dialHint } from "./dial-hint.ts";
import { CONNECTION_REFUSED, isUnauthorized, KEY_REFUSED, NO_CONNECTION } from "./handshake.ts";
import { LinkLog, type LinkObserver, type LinkStatus } from "./link-status.ts";
import { OutageLog } from "./outage-log.ts";
import type { Outbox } from "./outbox.ts";

/** A connection that lived this long was a good one, whatever ended it. */
const LASTED_MS = 10_000;

export interface LinkOptions {
  readonly outbox: Outbox;
  readonly log: Logger;
  /** Asked at every connect, so that a rotated key is used without a restart. Rejects with words for the operator. */
  readonly socketOptions: () => Promise<SocketOptions>;
  readonly onText: (text: string) => void;
  /** Names the source of the key, for whoever has to replace it. */
  readonly keyLabel: string;
  readonly observer: LinkObserver;
  readonly backoff?: ReconnectBackoff;
}

export type LinkEnd =
  | { readonly kind: "finished" }
  /** The very first handshake was refused: nothing is wrong with the network, the key is. */
  | { readonly kind: "unauthorized"; readonly status: number };

type State =
  | { readonly mode: "serving" }
  /** Ends when the outbox is empty, or at the deadline. */
  | { readonly mode: "draining"; readonly deadline: AbortSignal };

export class Link {
  private readonly options: LinkOptions;
  private readonly backoff: ReconnectBackoff;
  private readonly outages: OutageLog;
  private readonly statusLog = new LinkLog();
  private state: State = { mode: "serving" };
  private connection: Connection | null = null;
  /** A refused key is no reason to end any more: it was good once, or the worker is stopping, and its tasks may take hours. */
  private started = false;
  private wake = new AbortController();

  constructor(options: LinkOptions) {
    this.options = options;
    this.backoff = options.backoff ?? new ReconnectBackoff();
    this.outages = new OutageLog(options.log);
  }

  get status(): LinkStatus {
    return this.statusLog.status;
  }

  async run(): Promise<LinkEnd> {
    const end = await this.connectUntilOver();
    this.statusLog.enter("closed");
    return end;
  }

  private async connectUntilOver(): Promise<LinkEnd> {
    while (!this.isOver()) {
      const end = await this.connectOnce();
      if (end.kind === "refused" && isUnauthorized(end.status) && !this.started) {
        return { kind: "unauthorized", status: end.status };
      }
      const delayMs = this.delayAfter(end);
      if (this.isOver()) break;
      this.report(end, delayMs);
      this.options.observer.reconnecting(end.kind === "ended" ? "remote_close" : "dial_failed");
      this.statusLog.enter("waiting");
      await this.rest(delayMs);
      this.statusLog.reconnecting();
    }
    return { kind: "finished" };
  }

  /** An attempt that is being waited for is made now: the worker stops, and what it owes should go out. */
  hasten(): void {
    this.started = true;
    this.backoff.reset();
    this.wake.abort();
  }

  /** Delivers what is in the outbox and ends; at the deadline whatever is left stays in the journal. */
  finish(deadline: AbortSignal): void {
    this.state = { mode: "draining", deadline };
    this.hasten();
    this.closeWhenDrained();
    const giveUp = () => {
      this.wake.abort();
      this.connection?.drop("out of time");
    };
    if (deadline.aborted) giveUp();
    deadline.addEventListener("abort", giveUp, { once: true });
  }

  private isOver(): boolean {
    return this.state.mode === "draining" && (this.state.deadline.aborted || this.options.outbox.size === 0);
  }

  private async connectOnce(): Promise<ConnectionEnd> {
    const { outbox, log, onText, observer } = this.options;
    this.statusLog.enter("connecting");
    try {
      const socket = await this.options.socketOptions();
      if (this.isOver()) return { kind: "unreachable", why: "stopped" };
      this.connection = new Connection(socket, outbox, {
        onText,
        onOpen: () => {
          this.started = true;
          this.statusLog.enter("connected");
          observer.up();
          log.info("connected to the control plane", this.outages.recovered());
        },
        onPong: () => this.statusLog.pong(),
        onProven: () => this.closeWhenDrained(),
      });
    } catch (error) {
      return { kind: "unreachable", why: wordsOf(error) };
    }
    const end = await this.connection.ended;
    this.connection = null;
    if (end.kind === "ended") observer.down();
    return end;
  }

  private closeWhenDrained(): void {
    if (this.state.mode === "draining" && this.options.outbox.size === 0) this.connection?.close("stopped");
  }

  private delayAfter(end: ConnectionEnd): number {
    if (end.kind === "refused" && isUnauthorized(end.status)) return this.backoff.nextAfterRefusal();
    // A server that takes connections and drops them must not be met at full speed for ever; one
    // that read our messages did its work.
    if (end.kind === "ended" && (end.useful || end.lastedMs >= LASTED_MS)) this.backoff.reset();
    const delay = this.backoff.next();
    return this.state.mode === "draining" ? Math.min(delay, FIRST_BOUND_MS) : delay;
  }

  private report(end: ConnectionEnd, delayMs: number): void {
    const retryInSeconds = secondsOf(delayMs);
    switch (end.kind) {
      case "ended":
        this.options.log.warn("connection to the control plane lost", { why: end.why, retryInSeconds });
        return;
      case "refused":
        if (isUnauthorized(end.status)) this.reportRefusedKey(end.status, retryInSeconds);
        else this.outages.failed(CONNECTION_REFUSED, { status: end.status, retryInSeconds });
        return;
      case "unreachable":
        this.outages.failed(NO_CONNECTION, {
          why: end.why,
          retryInSeconds,
          hint: dialHint(end.why, new Date()) ?? undefined,
        });
        return;
      default:
        end satisfies never;
    }
  }

  /** Every time: somebody has to act. */
  private reportRefusedKey(status: number, retryInSeconds: number): void {
    this.options.log.error(KEY_REFUSED, {
      status,
      key: this.options.keyLabel,
      retryInSeconds,
      hint: "replace the key; a key file is read again at every attempt, any other source needs a restart",
    });
  }

  private rest(ms: number): Promise<void> {
    this.wake = new AbortController();
    return pause(ms, this.wake.signal);
  }
}
