/**
 * The engine's containers. What is asked for and is so already (start of a running one, stop of an
 * ended one, removal of one that is gone) is no error; every other refusal is an EngineError, and no
 * answer an EngineGone.
 */
import type { ByteStream, Calls } from "./calls.ts";
import type { ContainerBody } from "./container-body.ts";
import {
  type ContainerState,
  type ContainerSummary,
  readContainerState,
  readContainerSummary,
} from "./container-state.ts";
import type { LogChunk } from "./log-frames.ts";

export type { ContainerState, ContainerSummary } from "./container-state.ts";

export interface CreatedContainer {
  readonly id: string;
  readonly warnings: readonly string[];
}

export interface ContainerEnd {
  readonly exitCode: number;
  /** The engine's words when it could not wait properly; null otherwise. */
  readonly error: string | null;
}

export interface LogOptions {
  readonly follow: boolean;
  /** RFC 3339 or seconds since 1970, fractions allowed. */
  readonly since?: string;
  /** Lines. */
  readonly tail?: number;
  readonly timestamps?: boolean;
}

export class Containers {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** @throws EngineError 404 (no such image), 409 (the name is taken), 400 (a bad body) */
  async create(name: string, body: ContainerBody, signal: AbortSignal): Promise<CreatedContainer> {
    throw new Error("soon");
  }

  /** Resolves for one that runs already. @throws EngineError 404, 400/409/500 with why it cannot run */
  async start(id: string, signal: AbortSignal): Promise<void> {}

  /**
   * SIGTERM (or the image's stop signal), then SIGKILL after the grace; resolves once it has ended, and
   * at once for one that does not run or is gone.
   */
  async stop(id: string, graceSeconds: number, signal: AbortSignal): Promise<void> {}

  /** Resolves for one that does not run or is gone. */
  async kill(id: string, signalName: string, signal: AbortSignal): Promise<void> {}

  /**
   * Resolves when it does not run any more, at once for one that has ended or never started; as long as
   * that takes. @throws EngineError 404; EngineGone when the engine went away meanwhile: wait again
   */
  async wait(id: string, signal: AbortSignal): Promise<ContainerEnd> {
    throw new Error("soon");
  }

  /** @throws EngineError 404 */
  async inspect(id: string, signal: AbortSignal): Promise<ContainerState> {
    return readContainerState(await this.#calls.json("GET", `/containers/${id}/json`, {}, signal));
  }

  /** Resolves once it is gone, by whomever. @throws EngineError 409 when it runs and `force` is false */
  async remove(
    id: string,
    options: { readonly volumes: boolean; readonly force: boolean },
    signal: AbortSignal,
  ): Promise<void> {}

  /** `labels`: "key" or "key=value", all of which it has. `all`: also those that do not run. */
  async list(
    options: { readonly labels: readonly string[]; readonly all: boolean },
    signal: AbortSignal,
  ): Promise<readonly ContainerSummary[]> {
    return [].map(readContainerSummary);
  }

  /** Ends with the container when `follow`. @throws EngineError 404; EngineGone when cut */
  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogChunk> {}

  /** Its whole file system as a tar archive; it need not run, nor ever have run. */
  async exportRoot(id: string, signal: AbortSignal): Promise<ByteStream> {
    throw new Error("soon");
  }

  /** Unpacks a tar archive at an existing folder of a container, volumes mounted there included. */
  async putArchive(
    id: string,
    path: string,
    body: ByteStream | Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {}

  /** A tar archive of what is at the path. @throws EngineError 404 for either */
  async getArchive(id: string, path: string, signal: AbortSignal): Promise<ByteStream> {
    throw new Error("soon");
  }
}
