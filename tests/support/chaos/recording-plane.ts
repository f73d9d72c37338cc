/**
 * A control plane that remembers all that it sent and read, in one order, with connection and worker, and that fails on
 * request. Each process of the worker is known by the URL that it was given, for on the wire all have one id.
 */
import { Bell } from "../../../src/dev/bell.ts";
import { FaultyPipe, type PipedConnection } from "../../../src/dev/faulty-pipe.ts";
import {
  type Answer,
  type Server,
  type ServerSocket,
  type SocketHandlers,
  serve,
} from "../../../src/runtime/serve.ts";
import { OWN_LOOPBACK } from "../own-loopback.ts";
import type { Happening, Said, WorkerNumber } from "./history.ts";
import type { Direction, Moment } from "./plan.ts";

export interface PlaneLink {
  readonly connection: number;
  readonly worker: WorkerNumber;
  readonly pipe: PipedConnection;
  readonly socket: ServerSocket;
}

export type Note = (happening: Happening) => void;

export class RecordingPlane implements AsyncDisposable {
  readonly open = new Map<number, PlaneLink>();
  #note: Note = () => {};
  readonly #bell = new Bell();
  /** Task ids of fences that were answered. */
  readonly #passed = new Set<string>();
  #server: Server | null = null;
  #pipe: FaultyPipe | null = null;
  #isDown = false;
  #connections = 0;
  #fences = 0;
  #refuseWith: number | null = null;
  #cutAt: Moment | null = null;
  #delayMs = 0;

  private constructor() {}

  static async start(): Promise<RecordingPlane> {
    const plane = new RecordingPlane();
    plane.#server = await serve({ port: 0, answer: (request, from) => plane.#answer(request, from) });
    plane.#pipe = await FaultyPipe.open({ host: OWN_LOOPBACK }, plane.#server.port);
    return plane;
  }

  /** Told of everything, before anybody who waits for it is. */
  listen(note: Note): void {
    this.#note = (happening) => {
      note(happening);
      this.#bell.ring();
    };
  }

  urlFor(worker: WorkerNumber): string {
    return `ws://${this.#pipe?.host}:${this.#pipe?.port}/worker?process=${worker}`;
  }

  /** One of those that are open; undefined: there is none. */
  any(number: number): PlaneLink | undefined {
    const links = [...this.open.values()];
    return links[number % links.length];
  }

  assign(link: PlaneLink, assignment: { readonly task_id: string; readonly execution_id?: unknown }): void {
    const executionId = typeof assignment.execution_id === "string" ? assignment.execution_id : null;
    this.#note({ kind: "assigned", ...whose(link), taskId: assignment.task_id, executionId });
    send(link, "task_assignment", assignment);
  }

  cancel(link: PlaneLink, taskId: string): void {
    this.#note({ kind: "cancelled", ...whose(link), taskId });
    send(link, "task_cancellation", { task_id: taskId });
  }

  /** What cannot be read is answered at once, so that its answer proves what was read before it. */
  fence(link: PlaneLink): string {
    const taskId = `fence-${++this.#fences}`;
    this.#note({ kind: "fenced", ...whose(link), taskId });
    send(link, "task_assignment", { task_id: taskId });
    return taskId;
  }

  waitForFence(taskId: string, timeoutMs: number): Promise<true> {
    return this.#bell.until(
      () => (this.#passed.has(taskId) ? true : undefined),
      () => `the answer to ${taskId}`,
      { timeoutMs },
    );
  }

  waitForLink(worker: WorkerNumber, timeoutMs: number): Promise<PlaneLink> {
    return this.#bell.until(
      () => [...this.open.values()].find((link) => link.worker === worker),
      () => `a link of worker ${worker}`,
      { timeoutMs },
    );
  }

  freeze(direction: Direction): void {
    for (const { pipe } of this.open.values()) pipe.freeze(direction);
  }

  thaw(): void {
    for (const { pipe } of this.open.values()) pipe.thaw();
  }

  cutFrozen(): void {
    for (const { pipe } of this.open.values()) if (pipe.frozen) pipe.cut("reset");
  }

  cutAt(moment: Moment | null): void {
    this.#cutAt = moment;
  }

  refuseWith(status: number | null): void {
    this.#refuseWith = status;
  }

  delayBy(ms: number): void {
    this.#delayMs = ms;
    for (const { pipe } of this.open.values()) pipe.delayBy(ms);
  }

  /** Nothing is listened to any more, and all that is open is reset. */
  async down(): Promise<void> {
    this.#isDown = true;
    await this.#pipe?.close();
  }

  /** Nothing where it is. */
  async up(): Promise<void> {
    if (!this.#isDown) return;
    this.#isDown = false;
    await this.#pipe?.listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pipe?.close();
    await this.#server?.stop();
  }

  #answer(request: Request, clientPort: number): Answer {
    const worker = Number(new URL(request.url).searchParams.get("process"));
    if (this.#refuseWith === null) return { upgrade: this.#handlersFor(worker, clientPort) };
    this.#note({ kind: "refused", worker, status: this.#refuseWith });
    return { response: new Response("Refused on request\n", { status: this.#refuseWith }) };
  }

  #handlersFor(worker: WorkerNumber, clientPort: number): SocketHandlers {
    let link: PlaneLink | null = null;
    return {
      onOpen: (socket) => {
        const pipe = this.#pipe?.connectionFrom(clientPort);
        // Cut between its handshake and now.
        if (!pipe) return socket.terminate();
        link = { connection: ++this.#connections, worker, pipe, socket };
        if (this.#delayMs > 0) pipe.delayBy(this.#delayMs);
        this.open.set(link.connection, link);
        this.#note({ kind: "opened", ...whose(link) });
      },
      onFrame: (frame) => {
        if (link === null) return;
        const said = readFrame(link, String(frame));
        if (said.taskId.startsWith("fence-")) this.#passed.add(said.taskId);
        this.#note(said);
        this.#cutIfDue(link, "frame");
      },
      onPing: () => {
        if (link === null) return;
        this.#note({ kind: "pinged", ...whose(link) });
        this.#cutIfDue(link, "ping");
      },
      onClose: () => {
        if (link === null) return;
        this.open.delete(link.connection);
        this.#note({ kind: "closed", ...whose(link) });
      },
    };
  }

  #cutIfDue({ pipe }: PlaneLink, moment: Moment): void {
    if (this.#cutAt !== moment) return;
    this.#cutAt = null;
    pipe.cut("reset");
  }
}

function whose({ connection, worker }: PlaneLink) {
  return { connection, worker };
}

function send({ socket }: PlaneLink, type: string, data: unknown): void {
  socket.send(JSON.stringify({ type, data }));
}

/** Throws for what no worker should send: the campaign fails then. */
function readFrame(link: PlaneLink, words: string): Said {
  const { type, data } = JSON.parse(words);
  const exitCode = data["exit_code"];
  return {
    kind: "said",
    ...whose(link),
    type: String(type),
    taskId: String(data["task_id"]),
    words,
    reason: data["failure_reason"] ?? data["reason"] ?? null,
    exitCode: typeof exitCode === "number" ? exitCode : null,
    cancelled: data["task_state"] === "CANCELLED",
  };
}
