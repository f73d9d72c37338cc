/** Stands between a worker and a live engine, and holds one call back until the test has done something else. */
import { connect, createServer, type Server, type Socket } from "node:net";
import { TempDir } from "./temp-dir.ts";

export interface HeldCall {
  /** Resolves when the worker has asked; the engine knows nothing of it yet. */
  readonly arrived: Promise<void>;
  release(): void;
}

interface Ambush {
  readonly request: RegExp;
  readonly arrived: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

/** Of connections with one call each, as the worker's are. */
export class EngineGate implements AsyncDisposable {
  readonly #engine: string;
  readonly #dir: TempDir;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #ambushes: Ambush[] = [];

  private constructor(engine: string, dir: TempDir) {
    this.#engine = engine;
    this.#dir = dir;
    this.#server = createServer({ allowHalfOpen: true }, (worker) => this.#take(worker));
  }

  /** `engine`: its unix socket. */
  static async start(engine: string): Promise<EngineGate> {
    const gate = new EngineGate(engine, await TempDir.create("gate"));
    await new Promise<void>((resolve) => gate.#server.listen(gate.#dir.join("engine.sock"), resolve));
    return gate;
  }

  get host(): string {
    return `unix://${this.#dir.join("engine.sock")}`;
  }

  /** The next one whose method and path fit. */
  hold(request: RegExp): HeldCall {
    const ambush = {
      request,
      arrived: Promise.withResolvers<void>(),
      released: Promise.withResolvers<void>(),
    };
    this.#ambushes.push(ambush);
    return { arrived: ambush.arrived.promise, release: () => ambush.released.resolve() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await this.#dir[Symbol.asyncDispose]();
  }

  #take(worker: Socket): void {
    this.#keep(worker);
    worker.once("data", (head: Buffer) => {
      worker.pause();
      void this.#pass(worker, head);
    });
  }

  async #pass(worker: Socket, head: Buffer): Promise<void> {
    const [line = ""] = head.toString("latin1").split("\r\n", 1);
    const index = this.#ambushes.findIndex(({ request }) => request.test(line));
    const [ambush] = index < 0 ? [] : this.#ambushes.splice(index, 1);
    ambush?.arrived.resolve();
    await ambush?.released.promise;
    const engine = connect({ path: this.#engine, allowHalfOpen: true });
    this.#keep(engine);
    engine.write(head);
    worker.pipe(engine);
    engine.pipe(worker);
    worker.once("close", () => engine.destroy());
    engine.once("close", () => worker.destroySoon());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Either side may go first: the other one is told by its own end.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
