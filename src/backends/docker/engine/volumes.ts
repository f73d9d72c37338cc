/** The engine's named volumes. */
import { type Calls, pathOf } from "./calls.ts";
import { CONFLICT, EngineError, FAILED, incomplete, isConflict } from "./errors.ts";
import { fieldsOf, hasLabels, listOf, textMapOf, textOf } from "./fields.ts";
import { HEAVY_CALL_MS } from "./limit.ts";

export interface Volume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; empty when the engine does not say. */
  readonly createdAt: string;
}

const TAKEN = /volume already exists/;

export class Volumes {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** One that exists already is returned as it is, its labels unchanged. */
  async create(
    request: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<Volume> {
    const json = { Name: request.name, Driver: "local", Labels: request.labels };
    try {
      return readVolume(await this.#calls.json("POST", "/volumes/create", { json }, signal));
    } catch (error) {
      if (!isTaken(error)) throw error;
      const existing = await this.inspect(request.name, signal);
      // It is being removed, or was: it can be made when that is over.
      if (existing === null) throw new EngineError(CONFLICT, error.message);
      return existing;
    }
  }

  /** Null when there is none. */
  async inspect(name: string, signal: AbortSignal): Promise<Volume | null> {
    const answer = this.#calls.json("GET", `/volumes/${pathOf(name)}`, {}, signal);
    return await this.#unlessNone(answer.then(readVolume), null, signal);
  }

  /** `labels`: "key" or "key=value", all of which it has. */
  async list(
    options: { readonly labels: readonly string[] },
    signal: AbortSignal,
  ): Promise<readonly Volume[]> {
    const query = { filters: JSON.stringify({ label: options.labels }) };
    const answer = this.#calls.json("GET", "/volumes", { query }, signal);
    const fields = fieldsOf(await this.#unlessNone(answer, { Volumes: null }, signal));
    // Null for none.
    if (fields["Volumes"] !== null && !Array.isArray(fields["Volumes"]))
      throw incomplete("a list of volumes");
    const volumes = listOf(fields["Volumes"]).map(readVolume);
    return volumes.filter(({ labels }) => hasLabels(labels, options.labels));
  }

  /** `none` where there is no such volume, and where the engine has no volumes at all, and so no list of them either. */
  async #unlessNone<T, None>(asked: Promise<T>, none: None, signal: AbortSignal): Promise<T | None> {
    try {
      return await asked;
    } catch (error) {
      if (await this.#calls.saysNone(error, signal)) return none;
      throw error;
    }
  }

  /** Resolves for one that is gone. @throws EngineError 409 while a container uses it */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    const removal = this.#calls.json(
      "DELETE",
      `/volumes/${pathOf(name)}`,
      { limitMs: HEAVY_CALL_MS },
      signal,
    );
    await this.#unlessNone(removal, null, signal);
  }

  /** The same; false while a container uses it. */
  async removeUnused(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.remove(name, signal);
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }
}

/**
 * Some versions of podman refuse a name that they have; 4.3 says 500, as of anything else, where somebody was quicker: a
 * container that was made with a volume which had just been pruned failed the task that filled it anew.
 */
function isTaken(error: unknown): error is EngineError {
  return (
    isConflict(error) ||
    (error instanceof EngineError && error.status === FAILED && TAKEN.test(error.message))
  );
}

/** @throws EngineError for what is none */
function readVolume(value: unknown): Volume {
  const fields = fieldsOf(value);
  if (textOf(fields, "Name") === "") throw incomplete("the volume's name");
  return {
    name: textOf(fields, "Name"),
    labels: textMapOf(fields["Labels"]),
    createdAt: textOf(fields, "CreatedAt"),
  };
}
