/** The journal's tables. Ids, handles, outcomes and finished frames: never an environment value. */
import type { DatabaseSync } from "node:sqlite";
import { LEFT, TAKEN } from "./execution.ts";

/**
 * A file of another format, older or newer, is rewritten in this one when it is opened (recast.ts), so that
 * neither an upgrade nor a roll-back loses a task. For that, columns are added and never renamed or removed.
 */
export const SCHEMA_VERSION = 2;

const TABLES = `
  CREATE TABLE IF NOT EXISTS executions (
    task_id      TEXT NOT NULL,
    execution_id TEXT NOT NULL,     -- '' when the server sent none
    handle       TEXT,              -- JSON of the backend, null until it has something to find again
    terminal     TEXT,              -- the frame that ended it; null for a task handed off or left to another worker
    claimed_at   INTEGER NOT NULL,  -- ms since 1970
    ended_at     INTEGER,           -- the same; null while it runs
    cancelled_at INTEGER,           -- the same; null when nobody cancelled it, or that came to its end
    PRIMARY KEY (task_id, execution_id)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (
    seq   INTEGER PRIMARY KEY,      -- given by Statements, ever growing while the process lives
    frame TEXT NOT NULL
  );
`;

/** The cache is kept small: the working set is a few rows, and an idle daemon should be too. */
const PRAGMAS = "PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY; PRAGMA synchronous =";

/** A new database is not synced to the disk bit by bit: until it is whole there is nothing in it to lose. */
export function prepareSchema(db: DatabaseSync): void {
  if (readSchemaVersion(db) === 0) {
    db.exec(`${PRAGMAS} OFF; BEGIN`);
    createTables(db);
    db.exec("COMMIT");
  }
  db.exec(`${PRAGMAS} NORMAL`);
}

export function createTables(db: DatabaseSync): void {
  db.exec(`${TABLES} PRAGMA user_version = ${SCHEMA_VERSION}`);
}

export function readSchemaVersion(db: DatabaseSync): number {
  return Number(Object.values(db.prepare("PRAGMA user_version").get() ?? {})[0] ?? 0);
}

/** In the order of the table's columns. */
export const EXECUTION_COLUMNS = [
  "task_id",
  "execution_id",
  "handle",
  "terminal",
  "claimed_at",
  "ended_at",
  "cancelled_at",
] as const;

/** Takes one value for each column, in their order. */
export const INSERT_EXECUTION = `INSERT INTO executions (${EXECUTION_COLUMNS.join(", ")})
  VALUES (${EXECUTION_COLUMNS.map(() => "?").join(", ")})`;

/** The same rows under the same numbers, into an empty database. */
export function copyRows(from: DatabaseSync, into: DatabaseSync): void {
  const frame = into.prepare("INSERT INTO outbox (seq, frame) VALUES (?, ?)");
  transfer(from, into, (seq, text) => frame.run(seq, text));
}

/** How often each frame is owed: one task's executions owe the same words. */
export type FrameCounts = Map<string, number>;

export function countFrames(db: DatabaseSync): FrameCounts {
  const rows = db.prepare("SELECT frame, count(*) AS count FROM outbox GROUP BY frame").all();
  return new Map(rows.map((row) => [String(row["frame"]), Number(row["count"])]));
}

/**
 * Adds what `into` does not have, numbered after what it has. A row that a take-over cut short left in both is
 * one row again, and of two that differ the later one counts: an end for what ran then, and what was begun anew
 * after that end, or after its worker had died. `held` is what `into` had before any take-over; each of its frames
 * stands for one of `from`, and no more.
 */
export function mergeRows(from: DatabaseSync, into: DatabaseSync, held: FrameCounts): void {
  const frame = into.prepare("INSERT INTO outbox (frame) VALUES (?)");
  transfer(from, into, (_seq, text) => {
    const left = held.get(text) ?? 0;
    if (left > 0) held.set(text, left - 1);
    else frame.run(text);
  });
}

const isEndedIn = (row: string) => `${row}.ended_at IS NOT NULL`;

/**
 * Two values by which the later of two rows is the greater one: when its execution last began or ended, and whether it has
 * ended. One that ended without a report counts from its beginning: whom it was left to had begun it before that end.
 */
const lastWordIn = (row: string) =>
  `(iif(${row}.terminal IS NULL, ${row}.claimed_at, ${row}.ended_at), ${isEndedIn(row)})`;

const LEFT_TO_WORKERS = [LEFT, TAKEN].map((handle) => `'${JSON.stringify(handle)}'`).join(", ");
const isLeftIn = (row: string) =>
  `(${isEndedIn(row)} AND ${row}.terminal IS NULL AND ${row}.handle IN (${LEFT_TO_WORKERS}))`;

/**
 * True for the row that counts, of which the other is `than`. What was left to another worker counts less than what that one
 * had, whichever was begun first: it is that one's to report. Only the same beginning is that of the same row, as it was before.
 */
const countsMore = (row: string, than: string) => `CASE
  WHEN ${isLeftIn(than)} AND NOT ${isEndedIn(row)} THEN ${row}.claimed_at <> ${than}.claimed_at
  WHEN ${isLeftIn(row)} AND NOT ${isEndedIn(than)} THEN ${row}.claimed_at = ${than}.claimed_at
  ELSE ${lastWordIn(row)} > ${lastWordIn(than)} END`;

/** Two workers had one execution, one after the other: the second may have been given it when the first had ended it, or was dead. */
const ADD_EXECUTION = `${INSERT_EXECUTION}
  ON CONFLICT DO UPDATE SET ${["handle", "terminal", "claimed_at", "ended_at", "cancelled_at"]
    .map((column) => `${column} = excluded.${column}`)
    .join(", ")}
  WHERE ${countsMore("excluded", "executions")}`;

function transfer(
  from: DatabaseSync,
  into: DatabaseSync,
  addFrame: (seq: number, frame: string) => void,
): void {
  const execution = into.prepare(ADD_EXECUTION);
  into.exec("SAVEPOINT transfer");
  try {
    for (const row of from.prepare(`SELECT ${columnsOf(from)} FROM executions`).all()) {
      execution.run(...EXECUTION_COLUMNS.map((column) => row[column] ?? null));
    }
    for (const row of from.prepare("SELECT seq, frame FROM outbox ORDER BY seq").all()) {
      addFrame(Number(row["seq"]), String(row["frame"]));
    }
    into.exec("RELEASE transfer");
  } catch (error) {
    // A full disk makes SQLite roll back by itself.
    if (into.isTransaction) into.exec("ROLLBACK TO transfer; RELEASE transfer");
    throw error;
  }
}

/** What another format does not have is null. */
function columnsOf(db: DatabaseSync): string {
  const there = new Set(
    db
      .prepare("PRAGMA table_info(executions)")
      .all()
      .map((row) => row["name"]),
  );
  return EXECUTION_COLUMNS.map((column) => (there.has(column) ? column : `NULL AS ${column}`)).join(", ");
}
