/** How a container is asked for, of engines that tell badly of a name that is taken, or hang where many ask at once. */
import { Backoff } from "../../../async/backoff.ts";
import { Sequence } from "../../../async/sequence.ts";
import { pause } from "../../../async/wait.ts";
import type { Calls } from "./calls.ts";
import type { ContainerBody } from "./container-body.ts";
import type { ContainerState } from "./container-state.ts";
import { CONFLICT, EngineError, FAILED, incomplete } from "./errors.ts";
import { fieldsOf, textOf, textsOf } from "./fields.ts";
import { HEAVY_CALL_MS } from "./limit.ts";
import { isSince } from "./version.ts";

export interface CreatedContainer {
  readonly id: string;
  readonly warnings: readonly string[];
}

export interface EngineKind {
  readonly isPodman: boolean;
  /** As the engine says; empty where it does not. */
  readonly version: string;
}

type Find = (name: string, signal: AbortSignal) => Promise<ContainerState | null>;

/** Podman's words, which has no code for it. */
const TAKEN = /name is already in use/;
/** It reserves a name, and shows the container some tenths of a second later. */
const MOST_CREATIONS = 8;
const UNSEEN = { firstMs: 50, lastMs: 1_000 };
/**
 * Podman before 4.8 holds the locks of all volumes of a container that it makes, and takes them in an order of chance:
 * two containers with the same two volumes wait for each other for ever, and everybody else for them
 * (https://github.com/containers/podman/issues/20313).
 */
const PODMAN_MAKES_MANY = "4.8";

export class ContainerCreation {
  readonly #calls: Calls;
  readonly #find: Find;
  /** Null: the engine makes any number at once. */
  readonly #turns: Sequence | null;

  constructor(calls: Calls, find: Find, { isPodman, version }: EngineKind) {
    this.#calls = calls;
    this.#find = find;
    this.#turns = isPodman && !isSince(version, PODMAN_MAKES_MANY) ? new Sequence() : null;
  }

  /** @throws EngineError as Containers.create says */
  async create(name: string, body: ContainerBody, signal: AbortSignal): Promise<CreatedContainer> {
    const turns = volumesOf(body).size > 1 ? this.#turns : null;
    const ask = () => this.#ask(name, body, signal);
    const backoff = new Backoff(UNSEEN);
    for (let tries = 1; ; tries++) {
      try {
        return await (turns === null ? ask() : turns.next(ask, signal));
      } catch (error) {
        // Podman up to 4.3 says so of a name that is taken, as of anything else.
        if (!(error instanceof EngineError) || error.status !== FAILED) throw error;
        const taken = new EngineError(CONFLICT, error.message);
        if ((await this.#find(name, signal)) !== null) throw taken;
        // Whoever had it may have gone in between, or is being made and not to be seen yet: another answer tells.
        const saysTaken = TAKEN.test(error.message);
        if (tries >= (saysTaken ? MOST_CREATIONS : 2)) throw saysTaken ? taken : error;
        await pause(backoff.next(), signal);
      }
    }
  }

  async #ask(name: string, body: ContainerBody, signal: AbortSignal): Promise<CreatedContainer> {
    const options = { query: { name }, json: body, limitMs: HEAVY_CALL_MS };
    const fields = fieldsOf(await this.#calls.json("POST", "/containers/create", options, signal));
    const id = textOf(fields, "Id");
    if (id === "") throw incomplete("the new container's id");
    return { id, warnings: textsOf(fields["Warnings"]) };
  }
}

/** Those with a name: a path is the host's own. */
function volumesOf(body: ContainerBody): Set<string> {
  const sources = (body.HostConfig?.Binds ?? []).map((bind) => bind.slice(0, bind.indexOf(":")));
  return new Set(sources.filter((source) => !source.startsWith("/")));
}
