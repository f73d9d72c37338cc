/** The real link with the real outbox, as worker.ts joins them; the far side is the test's. */
import { ReconnectBackoff } from "../../../src/control-plane/backoff.ts";
import { Link, type LinkEnd } from "../../../src/control-plane/link.ts";
import type { LinkObserver } from "../../../src/control-plane/link-status.ts";
import { Outbox } from "../../../src/control-plane/outbox.ts";
import { Bell } from "../../../src/dev/bell.ts";
import type { ControlPlane } from "../../../src/dev/control-plane.ts";
import type { SocketOptions } from "../../../src/runtime/web-socket.ts";
import { type RecordedLog, recordLog } from "../logging/recorded-log.ts";

const UNOBSERVED_LINK: LinkObserver = { up: () => {}, down: () => {}, reconnecting: () => {} };

export interface LinkRigOptions extends Partial<SocketOptions> {
  readonly url: string;
  /** In [0, 1); 0 unless told: no wait between attempts. */
  readonly jitter?: number;
  readonly key?: () => string;
  readonly observer?: LinkObserver;
  /** Instead of what the others make. */
  readonly socketOptions?: () => Promise<SocketOptions>;
}

const NO_DEADLINE = { timeoutMs: Number.POSITIVE_INFINITY };

export class LinkRig implements AsyncDisposable {
  readonly outbox: Outbox;
  readonly link: Link;
  readonly log: RecordedLog;
  /** The highest numbers proven, in the order of the proofs. */
  readonly delivered: number[] = [];
  readonly texts: string[] = [];
  readonly ended: Promise<LinkEnd>;
  readonly #bell = new Bell();
  #lastSeq = 0;

  constructor(options: LinkRigOptions) {
    const log = recordLog();
    const ringing =
      (say: (message: string, fields?: RecordedLog["lines"][number]["fields"]) => void): typeof say =>
      (message, fields) => {
        say(message, fields);
        this.#bell.ring();
      };
    this.log = {
      ...log,
      info: ringing(log.info),
      warn: ringing(log.warn),
      error: ringing(log.error),
      debug: ringing(log.debug),
    };
    this.outbox = new Outbox((seq) => {
      this.delivered.push(seq);
      this.#bell.ring();
    });
    this.link = new Link({
      outbox: this.outbox,
      log: this.log,
      observer: options.observer ?? UNOBSERVED_LINK,
      keyLabel: "the test's key",
      backoff: new ReconnectBackoff(() => options.jitter ?? 0),
      onText: (text) => {
        this.texts.push(text);
        this.#bell.ring();
      },
      socketOptions:
        options.socketOptions ??
        (async () => ({
          url: options.url,
          headers: { Authorization: `Bearer ${options.key?.() ?? "key"}` },
          proxy: options.proxy ?? null,
          certificateAuthorities: options.certificateAuthorities ?? null,
        })),
    });
    this.ended = this.link.run();
  }

  static to(plane: ControlPlane, options: Partial<LinkRigOptions> = {}): LinkRig {
    return new LinkRig({ url: `${plane.webSocketUrl}?worker_id=w`, ...options });
  }

  /** A frame of the protocol for a task of this name. @returns its number */
  owe(taskId: string): number {
    return this.oweRaw(JSON.stringify({ type: "task_completed", data: { task_id: taskId, message: "m" } }));
  }

  oweRaw(frame: string): number {
    this.#lastSeq += 1;
    this.outbox.add({ seq: this.#lastSeq, frame });
    return this.#lastSeq;
  }

  /** Without a deadline of its own: tests with fake timers wait too. */
  until<T>(probe: () => T | undefined): Promise<T> {
    return this.#bell.until(probe, () => "the link", NO_DEADLINE);
  }

  async untilDelivered(seq: number): Promise<void> {
    await this.until(() => ((this.delivered.at(-1) ?? 0) >= seq ? true : undefined));
  }

  /** The nth log line with this message. */
  untilSaid(message: string, nth = 1): Promise<RecordedLog["lines"][number]> {
    return this.until(() => this.log.lines.filter((line) => line.message === message)[nth - 1]);
  }

  async untilConnected(nth = 1): Promise<void> {
    await this.untilSaid("connected to the control plane", nth);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const deadline = new AbortController();
    this.link.finish(deadline.signal);
    deadline.abort();
    await this.ended;
  }
}
