/**
 * Clears away the containers of ended tasks. What the engine refuses to let go of is marked, so that
 * nobody takes it for a task that runs, and is tried again as long as this process lives.
 */
import { expiring } from "../../async/wait.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { RunContext } from "../../task/backend.ts";
import type { Engine } from "./engine/engine.ts";
import { EngineError, NOT_FOUND } from "./engine/errors.ts";
import type { EndedMarks } from "./ownership/ended-marks.ts";
import { persist } from "./persist.ts";
import { keptNameOf } from "./task-container.ts";

export interface DisposalOptions {
  readonly engine: Engine;
  readonly marks: EndedMarks;
  /** Volumes that were made for this container alone. */
  readonly removeCopies: (container: string, signal: AbortSignal) => Promise<void>;
}

/** The container of a task that has ended. */
export interface Spent {
  /** The name that it was made under, which its copies know. */
  readonly container: string;
  /** In full; empty: it was never told. */
  readonly id: string;
  /** It stays for the operator to look at, under a name that says so. */
  readonly keep: boolean;
}

interface Refused extends Spent {
  id: string;
  readonly log: Logger;
  /** It is gone, or has the name under which it stays: what is left to do is about its copies and its mark. */
  containerDone: boolean;
  marked: boolean;
}

const REMOVE_MS = 30_000;
const MARK_MS = 5_000;
const UNMARKED = "cannot mark the container as that of an ended task either";
/** Of one whose mark is missing. */
const HINTS = {
  unmarked:
    "once this worker is gone, a later one may take it for a task that was left behind: remove it by hand",
  named:
    "once this worker is gone, no later one removes it, for its name says that it is to stay: remove it by hand",
} as const;

/** What tells later workers that a container's task has ended. `named`: nothing but its name. */
type Marking = "marked" | keyof typeof HINTS;
/** An engine that refuses more than these has them in its lists: a later worker finds them by their marks. */
const MOST_REFUSED = 500;

export class Disposal {
  private readonly options: DisposalOptions;
  /** By the container's name; the one that was tried last is the last. */
  private readonly refused = new Map<string, Refused>();

  constructor(options: DisposalOptions) {
    this.options = options;
  }

  /** Of a task of this process, before its end is in the journal. `onRefused` comes before any mark. Never throws. */
  async dispose(
    spent: Spent,
    { log, step }: Pick<RunContext, "log" | "step">,
    onRefused: () => void,
  ): Promise<void> {
    const entry: Refused = { ...spent, log, containerDone: false, marked: false };
    const clear = (signal: AbortSignal) => this.clear(entry, signal);
    try {
      await step("cleanup", () => persist(clear, AbortSignal.timeout(REMOVE_MS), REMOVE_MS));
    } catch (error) {
      const { container } = spent;
      const what = spent.keep
        ? "cannot rename the ended container: trying again now and then"
        : "cannot remove the container and what belongs to it: trying again now and then";
      log.warn(what, { container, error: wordsOf(error) });
      onRefused();
      const marking = await this.mark(entry, AbortSignal.timeout(MARK_MS));
      if (marking !== "marked") log.warn(UNMARKED, { container, hint: HINTS[marking] });
      this.remember(entry);
    }
  }

  /** One more try for all that was refused. Throws EngineGone, the time's being up, and the signal's reason. */
  async tryAgain(signal: AbortSignal): Promise<void> {
    for (const entry of [...this.refused.values()]) {
      signal.throwIfAborted();
      const { container, log } = entry;
      // One that hangs does not keep the others from their turn next time.
      this.refused.delete(container);
      this.refused.set(container, entry);
      try {
        using patience = expiring(signal, REMOVE_MS);
        await this.clear(entry, patience.signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!entry.marked) await this.mark(entry, AbortSignal.timeout(MARK_MS));
        if (!(error instanceof EngineError)) throw error;
        continue;
      }
      this.refused.delete(container);
      log.info("what could not be removed when the task ended is cleared away", { container });
    }
  }

  /** One that a dead worker left, and whose end is told. Throws what the engine throws. */
  async clearLeft(spent: Spent, log: Logger, signal: AbortSignal): Promise<void> {
    await this.clear({ ...spent, log, containerDone: false, marked: true }, signal);
  }

  private async clear(entry: Refused, signal: AbortSignal): Promise<void> {
    const { container, id, keep } = entry;
    const { engine, marks, removeCopies } = this.options;
    if (!entry.containerDone) {
      if (keep) await this.rename(entry, signal);
      // By its id: somebody may have given it another name.
      else await engine.containers.remove(addressOf(entry), signal);
      entry.containerDone = true;
    }
    if (!keep) await removeCopies(container, signal);
    if (!entry.marked) return;
    // Gone, or its name says what the mark did.
    await marks.remove(id, signal);
    entry.marked = false;
  }

  /** Under a name that tells later workers that there is nothing left to report of it. */
  private async rename(entry: Refused, signal: AbortSignal): Promise<void> {
    const { containers } = this.options.engine;
    const name = keptNameOf(entry.container);
    try {
      await containers.rename(addressOf(entry), name, signal);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const found = await containers.find(addressOf(entry), signal);
      // Somebody removed it, or an earlier try got through.
      if (found === null || found.name === name) return;
      // It is there, so the engine is: what it does not know now, in whosever words, it will not in a moment.
      throw error.status === NOT_FOUND ? new EngineError(error.status, error.message) : error;
    }
  }

  /** `marked` is also one that needs no mark. */
  private async mark(entry: Refused, signal: AbortSignal): Promise<Marking> {
    if (entry.containerDone) return "marked";
    const { engine, marks } = this.options;
    let isNamed = false;
    try {
      const id = entry.id === "" ? (await engine.containers.find(entry.container, signal))?.id : entry.id;
      if (id === undefined) return "marked";
      entry.id = id;
      // Both: somebody may prune volumes, and a name alone would say that it is to stay.
      const [named, marked] = await Promise.allSettled([this.rename(entry, signal), marks.set(id, signal)]);
      isNamed = named.status === "fulfilled";
      if (marked.status === "rejected") throw marked.reason;
      entry.marked = true;
      return "marked";
    } catch (error) {
      entry.log.debug("cannot mark a container as that of an ended task", {
        container: entry.container,
        error: wordsOf(error),
      });
      // One that is to stay is as it should be.
      entry.containerDone = isNamed && entry.keep;
      if (entry.containerDone) return "marked";
      return isNamed ? "named" : "unmarked";
    }
  }

  private remember(entry: Refused): void {
    this.refused.set(entry.container, entry);
    const [oldest] = this.refused.keys();
    if (this.refused.size > MOST_REFUSED && oldest !== undefined) this.refused.delete(oldest);
  }
}

function addressOf({ id, container }: Spent): string {
  return id === "" ? container : id;
}
