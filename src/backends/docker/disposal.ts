/**
 * Clears away the containers of ended tasks. What the engine refuses to let go of is marked, so that
 * nobody takes it for a task that runs, and is tried again as long as this process lives.
 */
import { expiring } from "../../async/wait.ts";
import type { Logger } from "../../logging/logger.ts";
import { wordsOf } from "../../logging/words-of.ts";
import type { Engine } from "./engine/engine.ts";
import { EngineError, isMissing } from "./engine/errors.ts";
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
  /** What is left to do is not about the container. */
  away: boolean;
  marked: boolean;
}

const REMOVE_MS = 30_000;
const MARK_MS = 5_000;
const UNMARKED = "cannot mark the container as that of an ended task either";
const HINT =
  "once this worker is gone, a later one may take it for a task that was left behind: remove it by hand";
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
  async dispose(spent: Spent, log: Logger, onRefused: () => void): Promise<void> {
    const entry: Refused = { ...spent, log, away: false, marked: false };
    const clear = (signal: AbortSignal) => this.clear(entry, signal);
    try {
      await persist(clear, AbortSignal.timeout(REMOVE_MS), REMOVE_MS);
    } catch (error) {
      const { container } = spent;
      const what = spent.keep
        ? "cannot rename the ended container: trying again now and then"
        : "cannot remove the container and what belongs to it: trying again now and then";
      log.warn(what, { container, error: wordsOf(error) });
      onRefused();
      if (!(await this.mark(entry, AbortSignal.timeout(MARK_MS))))
        log.warn(UNMARKED, { container, hint: HINT });
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
    await this.clear({ ...spent, log, away: false, marked: true }, signal);
  }

  private async clear(entry: Refused, signal: AbortSignal): Promise<void> {
    const { container, id, keep } = entry;
    const { engine, marks, removeCopies } = this.options;
    if (!entry.away) {
      if (keep) await this.rename(entry, signal);
      // By its id: somebody may have given it another name.
      else await engine.containers.remove(addressOf(entry), { volumes: true, force: true }, signal);
      entry.away = true;
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
      // Somebody removed it, or an earlier try got through.
      if (isMissing(error)) return;
      if (!(error instanceof EngineError)) throw error;
      if ((await containers.find(addressOf(entry), signal))?.name !== name) throw error;
    }
  }

  /** False: nothing in the engine says that its task has ended. */
  private async mark(entry: Refused, signal: AbortSignal): Promise<boolean> {
    if (entry.away) return true;
    const { engine, marks } = this.options;
    try {
      const id = entry.id === "" ? (await engine.containers.find(entry.container, signal))?.id : entry.id;
      if (id === undefined) return true;
      entry.id = id;
      // Both: somebody may prune volumes, and a name alone would say that it is to stay.
      const named = Promise.allSettled([this.rename(entry, signal)]);
      await marks.set(id, signal).finally(() => named);
      entry.marked = true;
      return true;
    } catch (error) {
      entry.log.debug("cannot mark a container as that of an ended task", {
        container: entry.container,
        error: wordsOf(error),
      });
      return false;
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
