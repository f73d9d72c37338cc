/** An engine of the tests' own that can be taken away from whoever uses it, and given back: a dockerd, a podman. */
import type { Daemon } from "./daemon.ts";
import type { ServiceFolder } from "./service-folder.ts";

export abstract class RestartableEngine implements AsyncDisposable {
  readonly folder: ServiceFolder;
  readonly socket: string;
  readonly #daemon: Daemon;

  protected constructor(folder: ServiceFolder, socket: string, daemon: Daemon) {
    this.folder = folder;
    this.socket = socket;
    this.#daemon = daemon;
  }

  /** As DOCKER_HOST wants it. */
  get host(): string {
    return `unix://${this.socket}`;
  }

  get running(): boolean {
    return this.#daemon.running;
  }

  /** On the same folders, so that it finds what it had. Resolves once it answers. */
  async startAgain(): Promise<void> {
    await this.#daemon.start();
  }

  /** To the program alone, as to pause it. */
  signal(signal: NodeJS.Signals): void {
    this.#daemon.signal(signal);
  }

  /** With SIGTERM dockerd stops its containers first, unless they outlive it; podman's always do. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.#daemon.stop(signal);
  }

  abstract [Symbol.asyncDispose](): Promise<void>;
}

/** @returns the engine, of which nothing stays where it does not start */
export async function started<E extends RestartableEngine>(engine: E): Promise<E> {
  try {
    await engine.startAgain();
    return engine;
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}
