/**
 * A control plane on the loopback address, in this process: it offers tasks to workers, follows what
 * they report, and misbehaves on request. `oz-agent-worker dev` is made of it, and every test that
 * needs a far side uses it.
 */
import { type Answer, type Server, serve } from "../runtime/serve.ts";
import type { Assignment } from "./assignment-of.ts";
import { Bell, type WaitOptions } from "./bell.ts";
import { type CancelResult, Dispatcher } from "./dispatch.ts";
import { Faults } from "./faults.ts";
import { FaultyPipe, type PipeAddress } from "./faulty-pipe.ts";
import { type Frame, FrameLog } from "./frame-log.ts";
import { type Handshake, HandshakeLog, LINK_PATH } from "./handshake.ts";
import { answerHttp, type TaskService } from "./http-api.ts";
import { LinkEndpoint } from "./link-endpoint.ts";
import { type Link, Links } from "./links.ts";
import { type DevTask, isFinal, TaskBook, type TaskState } from "./tasks.ts";

export interface ControlPlaneOptions extends PipeAddress {
  readonly apiKey: string;
  /** Links of any other worker id are refused with 400; unset: all are welcome. */
  readonly workerId?: string;
  /** How long after its first rejection a task is offered again; 100 ms unless told. */
  readonly reofferDelayMs?: number;
  /** The newest that are kept of what workers sent; 100,000 unless told. */
  readonly keepFrames?: number;
  readonly onChange?: (task: DevTask) => void;
}

export class ControlPlane implements TaskService, AsyncDisposable {
  readonly faults: Faults;
  readonly #bell = new Bell();
  readonly #frames: FrameLog;
  readonly #handshakes = new HandshakeLog();
  readonly #links = new Links();
  readonly #book: TaskBook;
  readonly #dispatcher: Dispatcher;
  #server: Server | null = null;
  readonly #endpoint: LinkEndpoint;
  #pipe: FaultyPipe | null = null;
  #apiKey: string;

  private constructor(options: ControlPlaneOptions) {
    this.#apiKey = options.apiKey;
    this.#frames = new FrameLog(options.keepFrames ?? 100_000);
    this.#book = new TaskBook((task) => {
      options.onChange?.(task);
      this.#bell.ring();
    });
    this.#dispatcher = new Dispatcher(this.#book, this.#links, options.reofferDelayMs ?? 100);
    this.faults = new Faults(this.#links);
    this.#endpoint = new LinkEndpoint({
      links: this.#links,
      frames: this.#frames,
      handshakes: this.#handshakes,
      faults: this.faults,
      dispatcher: this.#dispatcher,
      workerId: options.workerId ?? null,
      apiKey: () => this.#apiKey,
      pipeOf: (clientPort) => this.#pipe?.connectionFrom(clientPort),
      changed: () => this.#bell.ring(),
    });
  }

  /** @throws when the port is taken */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const plane = new ControlPlane(options);
    try {
      const server = await serve({ port: 0, answer: (request, from) => plane.#answer(request, from) });
      plane.#server = server;
      plane.#pipe = await FaultyPipe.open(options, server.port);
    } catch (error) {
      await plane.stop();
      throw error;
    }
    return plane;
  }

  get port(): number {
    return this.#pipe?.port ?? 0;
  }

  get webSocketUrl(): string {
    return `ws://${this.#address}${LINK_PATH}`;
  }

  get httpUrl(): string {
    return `http://${this.#address}`;
  }

  /** All received, oldest first. */
  get frames(): readonly Frame[] {
    return this.#frames.all;
  }

  /** Every attempt to open a link, oldest first. */
  get handshakes(): readonly Handshake[] {
    return this.#handshakes.all;
  }

  get connections(): { readonly total: number; readonly open: readonly Link[] } {
    return { total: this.#links.total, open: this.#links.open };
  }

  /** From now on; open links stay. */
  set apiKey(apiKey: string) {
    this.#apiKey = apiKey;
  }

  submit(assignment: Assignment): DevTask {
    return this.#dispatcher.submit(assignment);
  }

  cancel(taskId: string): CancelResult {
    return this.#dispatcher.cancel(taskId);
  }

  task(taskId: string): DevTask | undefined {
    return this.#book.get(taskId);
  }

  tasks(): readonly DevTask[] {
    return this.#book.all();
  }

  terminalsOf(taskId: string): readonly Frame[] {
    return this.#frames.terminalsOf(taskId);
  }

  /** The first frame that fits, those already received included. */
  waitForFrame(predicate: (frame: Frame) => boolean, options?: WaitOptions): Promise<Frame> {
    const what = () => `a frame for which ${predicate} holds (${this.#frames.describeTail()})`;
    return this.#bell.until(this.#frames.searcher(predicate), what, options);
  }

  /** Until a task is in one of these states; any final one when none is named. */
  waitForTask(taskId: string, states: readonly TaskState[] = [], options?: WaitOptions): Promise<DevTask> {
    return this.#bell.until(
      () => {
        const task = this.#book.get(taskId);
        if (!task) return undefined;
        return (states.length === 0 ? isFinal(task.state) : states.includes(task.state)) ? task : undefined;
      },
      () => `task ${taskId} to be ${states.join(" or ") || "ended"}; it is ${this.#book.get(taskId)?.state}`,
      options,
    );
  }

  /** Until there was a task and every one has ended. */
  async waitForAllTasks(options?: WaitOptions): Promise<readonly DevTask[]> {
    const book = this.#book;
    const what = () => `${book.openCount} of ${book.count} tasks to end (${this.#frames.describeTail()})`;
    await this.#bell.until(() => (book.count > 0 && book.openCount === 0 ? true : undefined), what, options);
    return book.all();
  }

  /** Until there was a task, and of every one that has not ended a worker has said that it has it. */
  async waitForAllClaims(options?: WaitOptions): Promise<void> {
    const book = this.#book;
    const claimed = () => book.count > 0 && book.open().every(({ state }) => state === "claimed");
    await this.#bell.until(
      () => (claimed() ? true : undefined),
      () => "all tasks to be claimed",
      options,
    );
  }

  /** Until so many links have been opened in all, those that ended included. */
  async waitForConnection(count: number, options?: WaitOptions): Promise<void> {
    const what = () => `connection ${count}, ${this.#links.total} so far`;
    await this.#bell.until(() => (this.#links.total >= count ? true : undefined), what, options);
  }

  /** Until exactly so many links are open. */
  async waitForOpenLinks(count: number, options?: WaitOptions): Promise<void> {
    const what = () => `${count} open links, there are ${this.#links.openCount}`;
    await this.#bell.until(() => (this.#links.openCount === count ? true : undefined), what, options);
  }

  /** Until so many attempts to open a link were seen, refused ones included. */
  async waitForHandshake(count: number, options?: WaitOptions): Promise<void> {
    const what = () => `handshake ${count}, ${this.#handshakes.total} so far`;
    await this.#bell.until(() => (this.#handshakes.total >= count ? true : undefined), what, options);
  }

  /** Until so many pings in all have come over the links that are open. */
  async waitForPings(count: number, options?: WaitOptions): Promise<void> {
    const seen = () => this.#links.open.reduce((sum, link) => sum + link.pings, 0);
    await this.#bell.until(
      () => (seen() >= count ? true : undefined),
      () => `${count} pings`,
      options,
    );
  }

  /** Connections are refused and all that are there die, until `comeUp`. Tasks are remembered. */
  async goDown(): Promise<void> {
    await this.#pipe?.close();
    await this.waitForOpenLinks(0);
  }

  /** On the same port as before. */
  async comeUp(): Promise<void> {
    await this.#pipe?.listen();
  }

  async restart(): Promise<void> {
    await this.goDown();
    await this.comeUp();
  }

  async stop(): Promise<void> {
    this.faults.stop();
    this.#dispatcher.stop();
    this.#endpoint.stop();
    await this.#pipe?.close();
    await this.#server?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #address(): string {
    return `${this.#pipe?.host}:${this.port}`;
  }

  async #answer(request: Request, clientPort: number): Promise<Answer> {
    // Of a request that names no host, as in HTTP/1.0, the runtime gives the path alone.
    const url = new URL(request.url, this.httpUrl);
    if (url.pathname === LINK_PATH) return this.#endpoint.answer(request, url, clientPort);
    const response = await answerHttp(request, url, this);
    return { response: response ?? new Response("There are /tasks and /tasks/ID here\n", { status: 404 }) };
  }
}
