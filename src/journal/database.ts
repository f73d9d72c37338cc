/** Opens a slot's database, whatever state a crash, a full disk or a newer version left it in. */
import { existsSync, renameSync, rmSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { newDatabase } from "./new-database.ts";
import { recast, UnreadableFormat } from "./recast.ts";
import { prepareSchema, readSchemaVersion, SCHEMA_VERSION } from "./schema.ts";
import { SQLITE, sqliteCodeOf } from "./sqlite-error.ts";

const BUSY_MS = 3_000;

/** The caller holds the slot. Throws when the file system refuses; a damaged file is set aside instead. */
export function openDatabase(file: string, log: Logger): DatabaseSync {
  try {
    return openSound(file, log);
  } catch (error) {
    const why = damageOf(error);
    if (why === null) throw error;
    const aside = `${file}.damaged-${Date.now()}`;
    renameSync(file, aside);
    for (const suffix of ["-wal", "-shm"]) {
      if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    }
    log.warn("journal damaged: set aside, going on with an empty one", { file, aside, why });
    return openSound(file, log);
  }
}

export function openMemoryDatabase(): DatabaseSync {
  const db = newDatabase(":memory:");
  prepareSchema(db);
  return db;
}

/** With what SQLite keeps beside it. Throws what the file system says. */
export function removeDatabase(file: string): void {
  for (const suffix of ["-wal", "-shm", ""]) rmSync(file + suffix, { force: true });
}

class Damaged extends Error {}

function openSound(file: string, log: Logger): DatabaseSync {
  const db = newDatabase(file);
  try {
    // Somebody may be looking into it, or making a copy: that is over in a moment.
    db.prepare(`PRAGMA busy_timeout = ${BUSY_MS}`).get();
    // Exclusive before the first read: the index of the write-ahead log then lives in memory, not in
    // a shared file, which is faster and leaves nothing behind.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Prepared, because Deno's `exec` does not say in its errors which one it is.
    db.prepare("PRAGMA journal_mode = WAL").get();
    const verdict = Object.values(db.prepare("PRAGMA quick_check(1)").get() ?? {})[0];
    if (verdict !== "ok") throw new Damaged(String(verdict));
    const version = readSchemaVersion(db);
    if (version !== 0 && version !== SCHEMA_VERSION) takeUp(db, version, file, log);
    prepareSchema(db);
    db.exec(`PRAGMA wal_autocheckpoint = ${logPages(file)}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const PAGE_BYTES = 4096;
/** 16 MB, four times what is usual: to carry the log over waits for the disk, and everybody for that. */
const MOST_LOG_PAGES = 4_000;
const LEAST_LOG_PAGES = 50;
/** The database grows, too, and to carry the log over into it needs room for both. */
const SHARE_OF_ROOM = 1 / 4;

/** How far the write-ahead log may grow before it is carried over: it does not fill a small disk by itself. */
function logPages(file: string): number {
  const { bavail, bsize } = statfsSync(dirname(file));
  const pages = Math.floor((bavail * bsize * SHARE_OF_ROOM) / PAGE_BYTES);
  return Math.min(Math.max(pages, LEAST_LOG_PAGES), MOST_LOG_PAGES);
}

/** After an upgrade, or a roll-back. */
function takeUp(db: DatabaseSync, version: number, file: string, log: Logger): void {
  try {
    recast(db);
  } catch (error) {
    if (!(error instanceof UnreadableFormat)) throw error;
    throw new Damaged(`format ${version}, which this version cannot read: ${error.message}`);
  }
  log.info("journal of another version taken up", { file, format: version, ownFormat: SCHEMA_VERSION });
}

function damageOf(error: unknown): string | null {
  if (error instanceof Damaged) return error.message;
  const code = sqliteCodeOf(error);
  return code === SQLITE.corrupt || code === SQLITE.notADatabase ? wordsOf(error) : null;
}
