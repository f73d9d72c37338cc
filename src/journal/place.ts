/**
 * The part of the state folder that this process holds: a slot, its database, the folder of exit statuses.
 * Somebody may remove it under a running daemon (a cleaner of temporary folders, a hasty hand), and all that is
 * written from then on goes into files that nobody will ever find: it can be told, and a new one taken.
 */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "../logging/logger.ts";
import { codeOf, wordsOf } from "../logging/words-of.ts";
import { openDatabase } from "./database.ts";
import { type OnUnlockable, type Slot, takeFreeSlot } from "./slot.ts";

interface Held {
  readonly slot: Slot;
  readonly database: DatabaseSync;
  /** Of the database's file, as it was opened. */
  readonly inode: number | null;
}

/** Beside the journals, and shared by all workers of the id. */
export interface StateFolders {
  /** Where exit statuses wait for a daemon that was not there to hear them. */
  readonly exitsDir: string;
  /** Where is written who has which task; whoever writes there makes it. */
  readonly claimsDir: string;
  /** Where workspaces of ended tasks go, to be removed; likewise. */
  readonly discardsDir: string;
  /** Where is written which executions somebody else runs by now; likewise. */
  readonly handedOffDir: string;
}

export class Place implements StateFolders, Disposable {
  readonly exitsDir: string;
  readonly claimsDir: string;
  readonly discardsDir: string;
  readonly handedOffDir: string;
  private readonly dir: string;
  private readonly log: Logger;
  private readonly onUnlockable: OnUnlockable;
  private held: Held;

  /** `dir`: the worker id's. Throws what the file system says. */
  constructor(dir: string, log: Logger, onUnlockable: OnUnlockable) {
    this.dir = dir;
    this.log = log;
    this.onUnlockable = onUnlockable;
    this.exitsDir = join(dir, "exits");
    this.claimsDir = join(dir, "claims");
    this.discardsDir = join(dir, "discards");
    this.handedOffDir = join(dir, "handed-off");
    this.held = this.take(takeFreeSlot(dir, onUnlockable));
  }

  get slot(): Slot {
    return this.held.slot;
  }

  get database(): DatabaseSync {
    return this.held.database;
  }

  /** False: what is written to the database is lost with this process. A folder of exit statuses is made again. */
  isThere(): boolean {
    try {
      const { slot, inode } = this.held;
      if (inodeOf(slot.databaseFile) !== inode) return false;
      if (!existsSync(this.exitsDir)) makeFolder(this.exitsDir);
    } catch {
      // What cannot be looked at for now may well be there, and is still written to.
    }
    return true;
  }

  /** From now on another slot, whose database is new: in one with rows in it somebody else's tasks may be. Throws as the constructor does. */
  moveToNew(): void {
    const next = this.take(takeFreeSlot(this.dir, this.onUnlockable, (file) => !existsSync(file)));
    this[Symbol.dispose]();
    this.held = next;
  }

  [Symbol.dispose](): void {
    this.held.database.close();
    this.held.slot[Symbol.dispose]();
  }

  private take(slot: Slot): Held {
    try {
      makeFolder(this.exitsDir);
      const database = this.open(slot.databaseFile);
      return { slot, database, inode: inodeOf(slot.databaseFile) };
    } catch (error) {
      slot[Symbol.dispose]();
      throw error;
    }
  }

  private open(file: string): DatabaseSync {
    try {
      return openDatabase(file, this.log);
    } catch (error) {
      throw new Error(`cannot open ${file}: ${wordsOf(error)}`, { cause: error });
    }
  }
}

function makeFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
}

function inodeOf(file: string): number | null {
  try {
    return statSync(file, { throwIfNoEntry: false })?.ino ?? null;
  } catch (error) {
    if (codeOf(error) === "ENOTDIR") return null;
    throw error;
  }
}
