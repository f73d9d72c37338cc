/** The journal's tables. Ids, handles, outcomes and finished frames: never an environment value. */
import type { DatabaseSync } from "node:sqlite";

export const SCHEMA_VERSION = 1;

const TABLES = `
  CREATE TABLE IF NOT EXISTS executions (
    task_id      TEXT NOT NULL,
    execution_id TEXT NOT NULL,     -- '' when the server sent none
    handle       TEXT,              -- JSON of the backend, null until it has something to find again
    terminal     TEXT,              -- the frame that ended it; null for a task handed off
    ended_at     INTEGER,           -- ms since 1970; null while it runs
    PRIMARY KEY (task_id, execution_id)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    frame TEXT NOT NULL
  );
`;

/** The cache is kept small: the working set is a few rows, and an idle daemon should be too. */
const PRAGMAS = "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY;";

export function prepareSchema(db: DatabaseSync): void {
  db.exec(PRAGMAS);
  db.exec(TABLES);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

export function readSchemaVersion(db: DatabaseSync): number {
  return Number(Object.values(db.prepare("PRAGMA user_version").get() ?? {})[0] ?? 0);
}

/** In the order of the table's columns. */
export const EXECUTION_COLUMNS = ["task_id", "execution_id", "handle", "terminal", "ended_at"] as const;

/** Copies what `into` does not have. A row that a take-over cut short left in both is one row again. */
export function copyRows(from: DatabaseSync, into: DatabaseSync): void {
  const execution = into.prepare("INSERT OR IGNORE INTO executions VALUES (?, ?, ?, ?, ?)");
  const frame = into.prepare(
    "INSERT INTO outbox (frame) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE frame = ?1)",
  );
  into.exec("BEGIN");
  try {
    for (const row of from.prepare(`SELECT ${EXECUTION_COLUMNS.join(", ")} FROM executions`).all()) {
      execution.run(...EXECUTION_COLUMNS.map((column) => row[column] ?? null));
    }
    for (const row of from.prepare("SELECT frame FROM outbox ORDER BY seq").all()) {
      frame.run(String(row["frame"]));
    }
    into.exec("COMMIT");
  } catch (error) {
    into.exec("ROLLBACK");
    throw error;
  }
}
