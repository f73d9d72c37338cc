/**
 * The engine's containers. What is asked for and is so already (start of a running one, stop of an
 * ended one, removal of one that is gone) is no error; every other refusal is an EngineError, and no
 * answer an EngineGone.
 */
import { type ByteStream, type Calls, pathOf } from "./calls.ts";
import type { ContainerBody } from "./container-body.ts";
import { ContainerCreation, type CreatedContainer, type EngineKind } from "./container-creation.ts";
import {
  type ContainerState,
  type ContainerSummary,
  isAtRest,
  readContainerState,
  readContainerSummary,
} from "./container-state.ts";
import { EngineError, FAILED, incomplete, isConflict, isMissing, isSpoiled } from "./errors.ts";
import { fieldsOf, hasLabels, textsOf } from "./fields.ts";
import { HEAVY_CALL_MS } from "./limit.ts";
import { type LogChunk, readLog } from "./log-frames.ts";
import { letEnd } from "./podman-grace.ts";
import { isSince } from "./version.ts";

export type { CreatedContainer } from "./container-creation.ts";
export type { ContainerState, ContainerSummary } from "./container-state.ts";

/** What a stop may take beyond its grace: the kill, and the engine's own work. */
const STOP_MARGIN_MS = 60_000;
/**
 * A proxy's own answer, though it be an empty 200, has stopped and removed nothing: a task was told of as cancelled whose
 * agent went on, and what was never started never ends.
 */
const ASKED_TO_DO = { wordless: true } as const;
/**
 * Docker 24 to 27 leave the container's root mounted after an export, and its layer on the disk, when the container
 * is long gone: each copy of a sidecar would cost a mount until the engine is started again.
 */
const EXPORT_LOSES_MOUNTS = { from: "1.43", before: "1.48" } as const;
const FULL_ID = /^[0-9a-f]{64}$/;
/** Of several that take and leave a name, one may be met as it goes, and the next one too. */
const MOST_LOOKS = 3;

export class Containers {
  readonly #calls: Calls;
  readonly #isPodman: boolean;
  readonly #creation: ContainerCreation;

  constructor(calls: Calls, kind: EngineKind) {
    this.#calls = calls;
    this.#isPodman = kind.isPodman;
    this.#creation = new ContainerCreation(calls, (name, signal) => this.find(name, signal), kind);
  }

  /** @throws EngineError 404 (no such image), 409 (the name is taken), 400 (a bad body) */
  create(name: string, body: ContainerBody, signal: AbortSignal): Promise<CreatedContainer> {
    return this.#creation.create(name, body, signal);
  }

  /**
   * Resolves for one that runs already. @throws EngineError 404, 400/409/500 with why it cannot run
   */
  async start(id: string, signal: AbortSignal): Promise<void> {
    await this.#calls.json("POST", `${at(id)}/start`, { ...ASKED_TO_DO, limitMs: HEAVY_CALL_MS }, signal);
  }

  /**
   * SIGTERM (or the image's stop signal), then SIGKILL after the grace; resolves once it has ended, and
   * at once for one that does not run or is gone.
   */
  async stop(id: string, graceSeconds: number, signal: AbortSignal): Promise<void> {
    const isTold =
      this.#isPodman && graceSeconds > 0 && (await letEnd(this.#calls, at(id), graceSeconds, signal));
    const seconds = isTold ? 0 : graceSeconds;
    const options = { ...ASKED_TO_DO, query: { t: seconds }, limitMs: seconds * 1000 + STOP_MARGIN_MS };
    const stop = ignoringMissing(this.#calls.json("POST", `${at(id)}/stop`, options, signal));
    await this.#unlessSeen(stop, isAtRest, id, signal);
  }

  /** Resolves for one that does not run or is gone. */
  async kill(id: string, signalName: string, signal: AbortSignal): Promise<void> {
    const options = { ...ASKED_TO_DO, query: { signal: signalName } };
    try {
      await this.#calls.json("POST", `${at(id)}/kill`, options, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // 409 says so of one that does not run; podman says 500, as of anything else.
      if (!isAtRest(await this.find(id, signal))) throw error;
    }
  }

  /** @throws EngineError 404 */
  async inspect(id: string, signal: AbortSignal): Promise<ContainerState> {
    return readContainerState(await this.#calls.json("GET", `${at(id)}/json`, {}, signal), id);
  }

  /** Null when there is none. */
  async find(id: string, signal: AbortSignal): Promise<ContainerState | null> {
    for (let looks = 1; ; looks++) {
      try {
        return await this.inspect(id, signal);
      } catch (error) {
        if (isMissing(error)) return null;
        // Podman 4.3 says so of one that is removed while it looks; the next answer tells.
        if (!(error instanceof EngineError && error.status === FAILED) || looks === MOST_LOOKS) throw error;
      }
    }
  }

  /** @throws EngineError 404, 409 (the name is taken) */
  async rename(id: string, name: string, signal: AbortSignal): Promise<void> {
    await this.#calls.json("POST", `${at(id)}/rename`, { query: { name } }, signal);
  }

  /** Although it runs, and with the volumes that have no name. Resolves once it is gone, by whomever. */
  async remove(id: string, signal: AbortSignal): Promise<void> {
    if (await this.#mayBeInTheMaking(id, signal)) return;
    const options = { ...ASKED_TO_DO, query: { v: true, force: true }, limitMs: HEAVY_CALL_MS };
    try {
      const removal = this.#calls.json("DELETE", at(id), options, signal);
      await this.#unlessSeen(removal, (state) => state === null, id, signal);
    } catch (error) {
      if (isMissing(error)) return;
      if (!isConflict(error) || !(await this.#isBeingRemoved(id, signal))) throw error;
      const gone = { query: { condition: "removed" }, limitMs: HEAVY_CALL_MS };
      await ignoringMissing(this.#calls.json("POST", `${at(id)}/wait`, gone, signal));
    }
  }

  /**
   * Of a name that stays taken although no container has it. Podman that was killed as it made one keeps its files under
   * that name for good; asked by it, it lets go of them. Other engines know nothing of it.
   */
  async removeLost(name: string, signal: AbortSignal): Promise<void> {
    const options = { query: { v: true, force: true }, limitMs: HEAVY_CALL_MS };
    try {
      await this.#calls.json("DELETE", at(name), options, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
  }

  /** What answers by 200 may be a proxy that brings each answer of the engine's so: the container tells what was done. */
  async #unlessSeen(
    asked: Promise<unknown>,
    isDone: (state: ContainerState | null) => boolean,
    id: string,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await asked;
    } catch (error) {
      if (!isSpoiled(error) || !isDone(await this.find(id, signal))) throw error;
    }
  }

  /** `labels`: "key" or "key=value", all of which it has. `all`: also those that do not run. */
  async list(
    options: { readonly labels: readonly string[]; readonly all: boolean },
    signal: AbortSignal,
  ): Promise<readonly ContainerSummary[]> {
    const query = { all: options.all, filters: JSON.stringify({ label: options.labels }) };
    const answer = await this.#calls.json("GET", "/containers/json", { query }, signal);
    if (!Array.isArray(answer)) throw incomplete("a list of containers");
    return answer.map(readContainerSummary).filter(({ labels }) => hasLabels(labels, options.labels));
  }

  /** What it has written until now, the last `tail` lines of it. @throws EngineError 404; EngineGone when cut */
  async *logs(id: string, tail: number, signal: AbortSignal): AsyncIterable<LogChunk> {
    const query = { stdout: true, stderr: true, follow: false, tail };
    const { header, body, close } = await this.#calls.stream("GET", `${at(id)}/logs`, { query }, signal);
    try {
      // Engines before API 1.42 do not tell the two kinds apart.
      const framed = /multiplexed/.test(header("content-type")) || !(await this.inspect(id, signal)).tty;
      yield* readLog(body, framed);
    } finally {
      close();
    }
  }

  /**
   * Its whole file system as a tar archive, perhaps with the root itself as an entry; it need not run, nor ever have
   * run.
   */
  async readRoot(id: string, signal: AbortSignal): Promise<ByteStream> {
    const files = async (what: string, query = {}) =>
      (await this.#calls.stream("GET", `${at(id)}/${what}`, { query }, signal)).body;
    const ways = [() => files("export"), () => files("archive", { path: "/." })] as const;
    const [first, second] =
      this.#exportLosesMounts() && !(await this.#mayRemapUsers(signal)) ? ways.toReversed() : ways;
    try {
      return await first();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      // Better a mount that is lost, or owners that a copy calls by other numbers, than a task.
      return await second().catch((another: unknown) => {
        throw another instanceof EngineError ? error : another;
      });
    }
  }

  /**
   * Unpacks a tar archive at an existing folder of a container, volumes mounted there included. A body
   * that throws ends the call with that error, and the engine is not told that it was whole.
   */
  async putArchive(
    id: string,
    path: string,
    body: ByteStream | Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { query: { path }, tar: body, limitMs: null };
    await this.#calls.json("PUT", `${at(id)}/archive`, options, signal);
  }

  /** Podman exports well, and leaves devices out of a copy. */
  #exportLosesMounts(): boolean {
    const { api } = this.#calls;
    const { from, before } = EXPORT_LOSES_MOUNTS;
    return !this.#isPodman && isSince(api, from) && !isSince(api, before);
  }

  /**
   * With `userns-remap` a copy names the owners of files as the host knows them, and is refused when it is unpacked.
   * True as well where the engine, or a proxy in front of it, does not tell.
   */
  async #mayRemapUsers(signal: AbortSignal): Promise<boolean> {
    try {
      const options = fieldsOf(await this.#calls.json("GET", "/info", {}, signal))["SecurityOptions"];
      return !Array.isArray(options) || textsOf(options).some((option) => /^name=userns\b/.test(option));
    } catch (error) {
      if (error instanceof EngineError) return true;
      throw error;
    }
  }

  /**
   * Asked by name, podman removes the files of a container that it is still making for a worker that was killed, and then
   * lists none any more: each list is an error for as long as that one is there. What is made yet is found by its labels.
   */
  async #mayBeInTheMaking(idOrName: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#isPodman || FULL_ID.test(idOrName)) return false;
    const seen = await this.find(idOrName, signal).catch((error: unknown) => {
      if (error instanceof EngineError) return "refused"; // The removal says what is wrong.
      throw error;
    });
    return seen === null;
  }

  async #isBeingRemoved(id: string, signal: AbortSignal): Promise<boolean> {
    const state = await this.find(id, signal);
    return state === null || state.status === "removing";
  }
}

function at(id: string): string {
  return `/containers/${pathOf(id)}`;
}

/** For what is to be gone, and is. */
async function ignoringMissing(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
