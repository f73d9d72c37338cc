/**
 * One socket, one life: the handshake, the pings, the proof that what was sent was read, the end.
 *
 * The protocol has no acknowledgement of its own, but a peer reads frames in order: a pong that
 * answers a ping proves that everything sent before that ping was read.
 */
import { whyUnanswered } from "../runtime/no-connection.ts";
import { openSocket, type Socket, type SocketOptions } from "../runtime/web-socket.ts";
import { GoodBye } from "./good-bye.ts";
import type { Outbox } from "./outbox.ts";
import { SendStall } from "./send-stall.ts";

/** The wire's own figures: a ping every 30 s, and no frame for 60 s means that the peer is dead. */
const PING_EVERY_MS = 30_000;
const SILENCE_MS = 60_000;
/** After a pause (SIGSTOP, a machine that slept) timers come first, and what arrived meanwhile is read after them. */
const UNREAD_MS = 200;
/** Left alone, Bun waits 124 s for an answer to the handshake. */
const HANDSHAKE_MS = 30_000;
/** A peer that does not answer a close would hold it for 36 s. */
const CLOSE_MS = 2_000;
/** What may wait for the end of a turn waits no longer than this. */
const HOLD_MS = 5;
/** A short task's claim and end are proven by one ping. */
const ASK_AFTER_MS = 3;
/** From one ping to the next in a rush of short tasks: each costs a frame both ways and a write. Few peers are nearer. */
const ASK_EVERY_MS = 20;
/** What may wait inside the socket; the rest stays in the outbox. */
const MAX_BACKLOG_BYTES = 1024 * 1024;

export type ConnectionEnd =
  /** The handshake was answered with an HTTP status instead. */
  | { readonly kind: "refused"; readonly status: number; readonly why: string }
  | { readonly kind: "unreachable"; readonly why: string }
  | {
      readonly kind: "ended";
      readonly why: string;
      readonly lastedMs: number;
      /** At least one message was proven to have been read. */
      readonly useful: boolean;
    };

export interface ConnectionHooks {
  onOpen(): void;
  onText(text: string): void;
  /** The peer answered a ping. */
  onPong(): void;
  /** Messages left the outbox, proven to have been read. */
  onProven(): void;
}

type Timer = ReturnType<typeof setTimeout>;

export class Connection {
  readonly ended: Promise<ConnectionEnd>;
  private readonly end: (end: ConnectionEnd) => void;
  private readonly outbox: Outbox;
  private readonly hooks: ConnectionHooks;
  private readonly socket: Socket;
  private readonly stall: SendStall;
  private readonly goodBye: GoodBye;
  private readonly timers = new Set<Timer>();
  /** Payload of each unanswered ping, oldest first, and the last message sent before it. */
  private readonly pings = new Map<string, number>();
  /** Pings of this connection begin with it, so that no pong matches one by chance or from another. */
  private pingMark = "";
  private askTimer: Timer | null = null;
  private flushing: ReturnType<typeof setImmediate> | null = null;
  private heldSince = 0;
  private lastPing = 0;
  /** The last message that the latest ping asks about; 0: all had been proven by then. */
  private askedFor = 0;
  private askedAt = Number.NEGATIVE_INFINITY;
  private openedAt: number | null = null;
  private lastFrameAt = 0;
  private useful = false;
  private over = false;

  constructor(options: SocketOptions, outbox: Outbox, hooks: ConnectionHooks) {
    const { promise, resolve } = Promise.withResolvers<ConnectionEnd>();
    this.ended = promise;
    this.end = resolve;
    this.outbox = outbox;
    this.hooks = hooks;
    // First, and without a timer before it: it throws for what is no URL, no header, no proxy.
    this.socket = openSocket(options, {
      onOpen: () => this.opened(),
      onText: (text) => this.hooks.onText(text),
      onPong: (payload) => {
        this.hooks.onPong();
        this.answered(payload);
      },
      onFrame: () => {
        this.lastFrameAt = performance.now();
      },
      onEnd: ({ why, status }) => this.finish(why, status),
    });
    this.stall = new SendStall(
      () => this.socket.backlogBytes,
      (why) => this.drop(why),
    );
    this.goodBye = new GoodBye(this.socket);
    this.after(HANDSHAKE_MS, () => this.dropUnanswered(options));
  }

  /** Says good-bye; a peer that does not answer is left. */
  close(why: string): void {
    if (this.openedAt === null) {
      this.drop(why);
      return;
    }
    if (this.flushing !== null) this.flush();
    this.goodBye.stop();
    this.socket.close();
    this.after(CLOSE_MS, () => this.drop(why));
  }

  drop(why: string): void {
    this.finish(why, null);
    this.socket.drop();
  }

  /** Whatever comes while it is found out whether anybody could be asked at all still counts. */
  private async dropUnanswered(options: SocketOptions): Promise<void> {
    const why = await whyUnanswered(options, HANDSHAKE_MS);
    if (this.openedAt === null && !this.over) this.drop(why);
  }

  private opened(): void {
    this.clearTimers();
    this.openedAt = performance.now();
    this.lastFrameAt = this.openedAt;
    this.outbox.rewind();
    this.outbox.listen((urgency) => (urgency === "now" ? this.flush() : this.flushAfterTurn()));
    this.pingAgain();
    this.watchSilence(SILENCE_MS);
    this.goodBye.watch();
    this.hooks.onOpen();
    this.flush();
  }

  /** All of a turn together: they hold nothing up that is begun in it. But a thousand assignments may be one long turn. */
  private flushAfterTurn(): void {
    const now = performance.now();
    if (this.flushing === null) {
      this.heldSince = now;
      this.flushing = setImmediate(() => {
        this.flushing = null;
        if (!this.over) this.flush();
      });
    } else if (now - this.heldSince >= HOLD_MS) {
      this.heldSince = now;
      this.flush();
    }
  }

  private flush(): void {
    while (this.socket.backlogBytes < MAX_BACKLOG_BYTES) {
      const message = this.outbox.takeUnsent();
      if (message === null) break;
      this.socket.send(message.frame);
    }
    this.askForProof();
    this.stall.watch(() => this.flush());
  }

  /** One such ping at a time, and a little later: it covers everything that was sent meanwhile. */
  private askForProof(): void {
    if (this.askTimer !== null || this.pings.size > 0 || this.outbox.lastSent <= this.askedFor) return;
    const restMs = this.askedAt + ASK_EVERY_MS - performance.now();
    this.askTimer = this.after(Math.max(ASK_AFTER_MS, restMs), () => {
      this.askTimer = null;
      this.ping();
    });
  }

  private ping(): void {
    this.lastPing += 1;
    this.askedFor = this.outbox.lastSent;
    this.askedAt = performance.now();
    this.pingMark ||= crypto.randomUUID().slice(0, 8);
    const payload = `${this.pingMark}-${this.lastPing}`;
    this.pings.set(payload, this.askedFor);
    this.socket.ping(payload);
  }

  /** By the whole payload, to the letter: a peer's own pongs may hold any number. */
  private answered(payload: string): void {
    const provenUpTo = this.pings.get(payload);
    if (provenUpTo === undefined) return; // a pong that nobody asked for proves nothing
    // A peer may answer the latest of several pings only (RFC 6455, 5.5.3).
    for (const earlier of this.pings.keys()) {
      this.pings.delete(earlier);
      if (earlier === payload) break;
    }
    if (provenUpTo > 0) {
      this.useful = true;
      this.outbox.prove(provenUpTo);
      this.hooks.onProven();
    }
    this.askForProof();
  }

  private pingAgain(): void {
    this.after(PING_EVERY_MS, () => {
      this.ping();
      this.pingAgain();
    });
  }

  /** `sure`: what lay unread in the socket, because this process itself was paused, has had its moment. */
  private watchSilence(ms: number, sure = false): void {
    this.after(ms, () => {
      const leftMs = SILENCE_MS - (performance.now() - this.lastFrameAt);
      if (leftMs > 0) this.watchSilence(leftMs);
      else if (sure) this.drop(`no frame from the peer for ${SILENCE_MS / 1000} s`);
      else this.watchSilence(UNREAD_MS, true);
    });
  }

  private finish(why: string, status: number | null): void {
    // A dropped socket still tells of its end, and by then the outbox is the next connection's.
    if (this.over) return;
    this.over = true;
    this.clearTimers();
    this.stall.stop();
    this.goodBye.stop();
    this.outbox.listen(() => {});
    if (this.openedAt !== null) {
      this.end({ kind: "ended", why, lastedMs: performance.now() - this.openedAt, useful: this.useful });
    } else if (status !== null) this.end({ kind: "refused", status, why });
    else this.end({ kind: "unreachable", why });
  }

  private after(ms: number, work: () => void): Timer {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    this.timers.add(timer);
    return timer;
  }

  private clearTimers(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}
