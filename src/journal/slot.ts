/**
 * Several daemons may serve one worker id on one host. Each holds a slot of the state folder by a
 * lock that the kernel drops when the process dies, so that nothing has to be cleaned up for the
 * next one to take it.
 *
 * The lock is SQLite's own on an empty database: the only lock that both Bun and Deno offer without
 * native code. Lock files stay for ever; removing one would let two daemons hold "the same" lock.
 */

import { accessSync, constants, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { codeOf, wordsOf } from "../logging/words-of.ts";
import { newDatabase } from "./new-database.ts";
import { SQLITE, sqliteCodeOf } from "./sqlite-error.ts";

/** More daemons of one id on one host than this is a fork bomb, not a fleet. */
const MAX_SLOTS = 1000;

export interface Slot extends Disposable {
  readonly number: number;
  /** The journal's database file. */
  readonly databaseFile: string;
}

/** Why nobody can say who holds a slot, so that nobody gets it: its lock file is none any more, or another user's. */
export type Unlockable = "damaged" | "forbidden";

/** Told of each such slot. */
export type OnUnlockable = (lockFile: string, why: Unlockable) => void;

/**
 * The first slot that nobody holds, of those whose database file is a wanted one. Throws what the file system
 * says of a folder that cannot be used.
 */
export function takeFreeSlot(
  dir: string,
  onUnlockable: OnUnlockable,
  isWanted: (databaseFile: string) => boolean = () => true,
): Slot {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (let number = 0; number < MAX_SLOTS; number++) {
    const slot = trySlot(dir, number, onUnlockable);
    if (slot === null) continue;
    if (isWanted(slot.databaseFile)) return slot;
    slot[Symbol.dispose]();
  }
  throw new Error(`all ${MAX_SLOTS} slots of ${dir} are held by running daemons`);
}

/** Every other slot whose daemon is dead, held from now on by the caller. */
export function takeAbandonedSlots(dir: string, own: Slot, onUnlockable: OnUnlockable): Slot[] {
  return readdirSync(dir)
    .map((name) => /^slot-(\d+)\.db$/.exec(name)?.[1])
    .filter((number) => number !== undefined && Number(number) !== own.number)
    .map((number) => trySlot(dir, Number(number), onUnlockable))
    .filter((slot) => slot !== null);
}

function trySlot(dir: string, number: number, onUnlockable: OnUnlockable): Slot | null {
  const file = join(dir, `slot-${number}.lock`);
  // SQLite would open for reading what may only be read, and that locks nobody out.
  if (isForbidden(file) && !isForbidden(dir)) {
    onUnlockable(file, "forbidden");
    return null;
  }
  try {
    const lock = openLocked(file);
    return {
      number,
      databaseFile: join(dir, `slot-${number}.db`),
      [Symbol.dispose]: () => lock.close(),
    };
  } catch (error) {
    const code = sqliteCodeOf(error);
    if (code === SQLITE.notADatabase) onUnlockable(file, "damaged");
    if (code === SQLITE.busy || code === SQLITE.notADatabase) return null;
    // SQLite says what is wrong, and not with which file.
    throw new Error(`cannot lock ${file}: ${wordsOf(error)}`, { cause: error });
  }
}

/** False for what is not there, and where nobody may write. */
export function isForbidden(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return false;
  } catch (error) {
    return codeOf(error) === "EACCES";
  }
}

function openLocked(file: string): DatabaseSync {
  const lock = newDatabase(file);
  try {
    // No journal file beside an empty database, and no page cache to speak of. Each is prepared, because
    // Deno's `exec` does not say in its errors which one it is, and each may find the database locked.
    for (const pragma of ["journal_mode = MEMORY", "cache_size = -8"]) lock.prepare(`PRAGMA ${pragma}`).get();
    lock.prepare("BEGIN EXCLUSIVE").run();
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}
