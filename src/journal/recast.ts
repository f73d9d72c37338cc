/** Rewrites a journal of another format in this program's own, in place and in one transaction. */
import type { DatabaseSync } from "node:sqlite";
import { wordsOf } from "../logging/words-of.ts";
import { newDatabase } from "./new-database.ts";
import { copyRows, createTables, prepareSchema } from "./schema.ts";

/** What it holds cannot be read as tasks and messages. */
export class UnreadableFormat extends Error {}

/**
 * What this program knows of is kept: tasks, handles, messages. The rest goes, tables included, so that the
 * version that made it does not find half of it later.
 */
export function recast(db: DatabaseSync): void {
  const kept = newDatabase(":memory:");
  try {
    prepareSchema(kept);
    try {
      copyRows(db, kept);
    } catch (error) {
      throw new UnreadableFormat(wordsOf(error), { cause: error });
    }
    db.exec("BEGIN IMMEDIATE");
    try {
      dropAll(db);
      createTables(db);
      copyRows(kept, db);
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  } finally {
    kept.close();
  }
}

/** With a table go its indexes and triggers. */
function dropAll(db: DatabaseSync): void {
  const made =
    "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'";
  for (const { type, name } of db.prepare(made).all()) {
    db.exec(`DROP ${String(type)} "${String(name).replaceAll('"', '""')}"`);
  }
}
