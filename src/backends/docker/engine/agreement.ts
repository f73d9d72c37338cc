/**
 * Which version of its API is spoken with the engine. Hosts exchange their engine for a newer or an older one under a
 * worker that runs, and that may not know the version any more which was agreed upon with the former.
 */
import { SingleFlight } from "../../../async/single-flight.ts";
import { EngineError, EngineUnreachable } from "./errors.ts";

/** Throws what Engine.connect throws, or EngineGone. */
export type AskVersion = (signal: AbortSignal) => Promise<string>;

export type OnNewVersion = (api: string, before: string) => void;

export class Agreement {
  readonly #ask: AskVersion;
  readonly #onNew: OnNewVersion;
  readonly #flights = new SingleFlight<void>();
  #api: string;

  constructor(api: string, ask: AskVersion, onNew: OnNewVersion) {
    this.#api = api;
    this.#ask = ask;
    this.#onNew = onNew;
  }

  /** "1.41" … */
  get api(): string {
    return this.#api;
  }

  /**
   * After a refusal of what was asked in the version `spoken`: true when another one holds by now. The engine is
   * asked for it, because nothing but words tells its refusal of a version from another. @throws EngineGone, the
   * signal's reason
   */
  async isNewSince(spoken: string, signal: AbortSignal): Promise<boolean> {
    // Of many calls that are refused at once, the first has found out.
    if (this.#api === spoken) await this.#flights.run("version", (asking) => this.#renew(asking), signal);
    return this.#api !== spoken;
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const before = this.#api;
    try {
      this.#api = await this.#ask(signal);
    } catch (error) {
      // It knows none of ours, or will not say: its refusal stands.
      if (error instanceof EngineError || error instanceof EngineUnreachable) return;
      throw error;
    }
    if (this.#api !== before) this.#onNew(this.#api, before);
  }
}
