/** What an engine has to run containers with. Each answer may be null: a proxy may let nobody ask. */
import { type Calls, pathOf } from "./calls.ts";
import { EngineError, isMissing } from "./errors.ts";
import { fieldsOf, numberOf, textOf } from "./fields.ts";

export class Facilities {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** The names that its configuration gives to runtimes; shims that containerd finds by themselves have none. */
  async runtimes(signal: AbortSignal): Promise<readonly string[] | null> {
    const names = Object.keys(fieldsOf((await this.#info(signal))["Runtimes"]));
    return names.length === 0 ? null : names;
  }

  /** The name of the one that runs what does not ask for another. */
  async defaultRuntime(signal: AbortSignal): Promise<string | null> {
    return textOf(await this.#info(signal), "DefaultRuntime") || null;
  }

  /** Where it keeps images and containers, on its own host. */
  async folder(signal: AbortSignal): Promise<string | null> {
    return textOf(await this.#info(signal), "DockerRootDir") || null;
  }

  /** How many its containers can have. */
  async processors(signal: AbortSignal): Promise<number | null> {
    return numberOf(await this.#info(signal), "NCPU") || null;
  }

  /** By name or id. */
  async hasNetwork(name: string, signal: AbortSignal): Promise<boolean | null> {
    const asked = this.#calls.json("GET", `/networks/${pathOf(name)}`, {}, signal).then(() => true);
    return await unlessRefused(
      asked.catch((error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      }),
    );
  }

  async #info(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    return fieldsOf(await unlessRefused(this.#calls.json("GET", "/info", {}, signal)));
  }
}

async function unlessRefused<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}
