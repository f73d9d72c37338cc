/** Opens the journal of a worker id: an own slot, and what dead daemons left in theirs. */
import { lstatSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Fields, Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { openDatabase, removeDatabase } from "./database.ts";
import type { Execution } from "./execution.ts";
import { Journal } from "./journal.ts";
import { workerStateDir } from "./path-component.ts";
import { Place, type StateFolders } from "./place.ts";
import { countFrames, mergeRows } from "./schema.ts";
import { type OnUnlockable, type Slot, takeAbandonedSlots, type Unlockable } from "./slot.ts";

export interface OpenJournal extends Disposable {
  readonly journal: Journal;
  /** Null without a state folder. */
  readonly folders: StateFolders | null;
  /** Of its files on disk; 0 without. Does not throw. */
  sizeBytes(): number;
}

export const STATE_DIR_HINT =
  "set state_dir (--state-dir) to a folder that this user can write, with room for it";
/** Said of a lock file of another user's. */
export const FOREIGN_LOCK =
  "may not be used by this user: its slot is passed over, with what a dead worker may have left in it";
export const FOREIGN_LOCK_HINT =
  "run all workers of this id on this host as one user, and give the folder with all in it to that one (chown -R)";

/** Never throws: without a usable folder there is one warning, and the journal is in memory. */
export function openJournal(
  stateDir: string,
  workerId: string,
  log: Logger,
  rememberHandedOffMs?: number,
): OpenJournal {
  const dir = workerStateDir(stateDir, workerId);
  const unlockable = new Map<string, Unlockable>();
  const onUnlockable: OnUnlockable = (file, why) => void unlockable.set(file, why);
  try {
    const place = new Place(dir, log, onUnlockable);
    const { database, exitsDir, slot } = place;
    takeOver(dir, slot, { into: database, log, onUnlockable });
    log.debug("journal open", { file: slot.databaseFile });
    const journal = new Journal(place, log, rememberHandedOffMs);
    pruneExitFiles(exitsDir, journal.running());
    return own(journal, place);
  } catch (error) {
    log.warn("state folder cannot be used: going on in memory, a crash would lose running tasks' results", {
      stateDir: dir,
      error: wordsOf(error),
      hint: STATE_DIR_HINT,
    });
    return own(new Journal(null, log, rememberHandedOffMs), null);
  } finally {
    for (const [file, why] of unlockable) log.warn(...passedOver(file, why));
  }
}

function passedOver(file: string, why: Unlockable): [message: string, fields: Fields] {
  if (why === "damaged") {
    return [
      "lock file is damaged: its slot is passed over, with what a dead worker may have left in it",
      { file, hint: "stop all workers of this id on this host, remove the file, and start them again" },
    ];
  }
  return [`lock file ${FOREIGN_LOCK}`, { file, hint: FOREIGN_LOCK_HINT }];
}

/** An exit status that no daemon asked for in this time belongs to a task that nobody remembers. */
const EXIT_FILE_MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * `running`: whose status may be among them, however long it has been waiting there. What cannot be removed stays (a
 * folder that the system's own programs lay into every other, a file that nobody may change): it costs a few bytes,
 * and a worker that went without its journal for that would lose the tasks in it.
 */
function pruneExitFiles(dir: string, running: readonly Execution[]): void {
  const wanted = new Set(running.flatMap(({ handle }) => Object.values(handle ?? {})));
  for (const name of readdirSync(dir)) {
    const file = join(dir, name);
    if (!wanted.has(file)) removeIfOld(file);
  }
}

function removeIfOld(file: string): void {
  try {
    const age = Date.now() - (lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > EXIT_FILE_MAX_AGE_MS) rmSync(file, { force: true });
  } catch {
    // The next start tries again.
  }
}

function own(journal: Journal, place: Place | null): OpenJournal {
  return {
    journal,
    folders: place,
    sizeBytes: () => (place === null ? 0 : sizeOfJournal(place.slot)),
    [Symbol.dispose]: () => {
      journal[Symbol.dispose]();
      place?.[Symbol.dispose]();
    },
  };
}

function sizeOfJournal({ databaseFile }: Slot): number {
  return sizeOf(databaseFile) + sizeOf(`${databaseFile}-wal`);
}

/** 0 for what cannot be looked at, too: of a disk in trouble the other metrics have to tell. */
function sizeOf(file: string): number {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}

interface TakeOverOptions {
  readonly into: DatabaseSync;
  readonly log: Logger;
  readonly onUnlockable: OnUnlockable;
}

function takeOver(dir: string, own: Slot, { into, log, onUnlockable }: TakeOverOptions): void {
  const abandonedSlots = takeAbandonedSlots(dir, own, onUnlockable);
  if (abandonedSlots.length === 0) return;
  const held = countFrames(into);
  for (const abandoned of abandonedSlots) {
    using slot = abandoned;
    try {
      const left = openDatabase(slot.databaseFile, log);
      try {
        mergeRows(left, into, held);
      } finally {
        left.close();
      }
      removeDatabase(slot.databaseFile);
      log.info("took over what a dead daemon of this worker id left", { slot: slot.number });
    } catch (error) {
      log.warn("cannot take over what a dead daemon of this worker id left", {
        file: slot.databaseFile,
        error: wordsOf(error),
      });
    }
  }
}
