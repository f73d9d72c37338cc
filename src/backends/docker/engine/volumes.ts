/** The engine's named volumes. */
import type { Calls } from "./calls.ts";

export interface Volume {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; empty when the engine does not say. */
  readonly createdAt: string;
}

export class Volumes {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** One that exists already is returned as it is, its labels unchanged (podman refuses: handled the same). */
  async create(
    request: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<Volume> {
    throw new Error("soon");
  }

  /** Null when there is none. */
  async inspect(name: string, signal: AbortSignal): Promise<Volume | null> {
    return null;
  }

  /** `labels`: "key" or "key=value", all of which it has. */
  async list(
    options: { readonly labels: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly Volume[]> {
    return [];
  }

  /** Resolves for one that is gone. @throws EngineError 409 while a container uses it */
  async remove(name: string, signal: AbortSignal): Promise<void> {}
}
