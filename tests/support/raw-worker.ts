/**
 * The far side of the control plane's own tests: a bare WebSocket that says what a test tells it to.
 * Never used to test the daemon, which brings its own client.
 */
import { within } from "./wait.ts";

interface Message {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface RawWorkerOptions {
  /** The control plane's, without a query. */
  readonly url: string;
  readonly key?: string;
  readonly workerId?: string;
}

export class RawWorker implements Disposable {
  readonly opened: Promise<void>;
  readonly closed: Promise<CloseEvent>;
  readonly messages: Message[] = [];
  /** Payloads of the pongs received. */
  readonly pongs: string[] = [];
  /** Of frames that are not text, or not JSON. */
  readonly odd: (string | Uint8Array)[] = [];
  readonly #socket: WebSocket;
  readonly #looks = new Set<() => void>();

  constructor({ url, key = "key", workerId = "raw" }: RawWorkerOptions) {
    this.#socket = new WebSocket(`${url}?worker_id=${workerId}`, {
      headers: { Authorization: `Bearer ${key}` },
    });
    this.#socket.binaryType = "nodebuffer";
    this.opened = new Promise((resolve, reject) => {
      this.#socket.addEventListener("open", () => resolve());
      this.#socket.addEventListener("error", (event) => reject(new Error(messageOf(event))));
    });
    // A test that expects a refusal looks at it; the others must not fail twice.
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => this.#socket.addEventListener("close", (event) => resolve(event)));
    this.#socket.addEventListener("message", (event) => this.#receive(event.data));
    this.#socket.addEventListener("pong", (event) => {
      this.pongs.push(String("data" in event ? event.data : ""));
      this.#changed();
    });
  }

  static async connect(options: RawWorkerOptions): Promise<RawWorker> {
    const worker = new RawWorker(options);
    await within(worker.opened, "the handshake");
    return worker;
  }

  send(type: string, data: Readonly<Record<string, unknown>>): void {
    this.#socket.send(JSON.stringify({ type, data }));
  }

  sendRaw(frame: string): void {
    this.#socket.send(frame);
  }

  ping(payload: string): void {
    this.#socket.ping(payload);
  }

  /** The message of that type and, if given, task; those already here included. */
  waitFor(type: string, taskId?: string, nth = 1): Promise<Message> {
    const fits = (message: Message) =>
      message.type === type && (taskId === undefined || message.data["task_id"] === taskId);
    return this.until(() => this.messages.filter(fits)[nth - 1], `${type} of ${taskId ?? "any task"}`);
  }

  until<T>(probe: () => T | undefined, what: string): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const look = () => {
      const value = probe();
      if (value !== undefined) resolve(value);
    };
    this.#looks.add(look);
    look();
    return within(promise, what).finally(() => this.#looks.delete(look));
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }

  #receive(data: unknown): void {
    if (typeof data === "string") {
      try {
        this.messages.push(JSON.parse(data));
      } catch {
        this.odd.push(data);
      }
    } else if (data instanceof Uint8Array) {
      this.odd.push(data);
    }
    this.#changed();
  }

  #changed(): void {
    for (const look of this.#looks) look();
  }
}

function messageOf(event: Event): string {
  return "message" in event ? String(event.message) : "the handshake failed";
}
