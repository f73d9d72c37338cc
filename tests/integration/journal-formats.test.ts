/** A journal that an older or a newer version of this program wrote is taken up, row by row. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../src/journal/open.ts";
import { TempDir } from "../support/temp-dir.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

const ref = (taskId: string) => ({ taskId, executionId: "e" });
const TAKEN_UP = "journal of another version taken up";

/** One task that runs, one that ended, one handed off; and `change` made by another version. */
async function fill(dir: TempDir, change: string): Promise<string> {
  {
    using state = openJournal(dir.path, "w", recordLog());
    state.journal.claim(ref("runs"), "claimed runs");
    state.journal.saveHandle(ref("runs"), { pid: 42, newField: "x" });
    state.journal.claim(ref("ended"), "claimed ended");
    state.journal.end(ref("ended"), "done ended");
  }
  const file = dir.join("w", "slot-0.db");
  using database = new DatabaseSync(file);
  database.exec(change);
  return file;
}

const NEWER = `
  ALTER TABLE executions ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE outbox ADD COLUMN urgent INTEGER;
  CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, "text" TEXT);
  INSERT INTO notes ("text") VALUES ('x');
  CREATE INDEX by_end ON executions (ended_at);
  CREATE VIEW live AS SELECT * FROM executions WHERE ended_at IS NULL;
  PRAGMA user_version = 3`;

describe("the journal of another version", () => {
  test.each([
    ["newer, with more columns, tables, views and indexes", NEWER],
    ["newer, with the same tables", "PRAGMA user_version = 99"],
    ["older", "PRAGMA user_version = -1"],
  ])("that is %s keeps every task and message, on disk", async (_what, change) => {
    await using dir = await TempDir.create("journal");
    await fill(dir, change);
    for (const said of [[TAKEN_UP], []] as string[][]) {
      const log = recordLog();
      using state = openJournal(dir.path, "w", log);
      expect(log.said("info")).toEqual(said);
      expect(log.said("warn")).toEqual([]);
      const running = state.journal.running();
      expect(running.map(({ taskId }) => taskId)).toEqual(["runs"]);
      expect(running[0]?.handle).toEqual({ pid: 42, newField: "x" });
      expect(state.journal.find(ref("ended"))).toMatchObject({ ended: true, terminal: "done ended" });
      const owed = state.journal.undelivered().map(({ frame }) => frame);
      expect(owed).toEqual(["claimed runs", "claimed ended", "done ended"]);
      expect(state.journal.durable).toBe(true);
    }
    expect(readdirSync(dir.join("w")).filter((name) => name.includes("damaged"))).toEqual([]);
  });

  test("leaves nothing behind that the version which made it would take for its own", async () => {
    await using dir = await TempDir.create("journal");
    const file = await fill(dir, NEWER);
    openJournal(dir.path, "w", recordLog())[Symbol.dispose]();
    using database = new DatabaseSync(file);
    const made = database.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").all();
    expect(made.map((row) => row["name"]).sort()).toEqual(["executions", "outbox"]);
    expect(Object.values(database.prepare("PRAGMA user_version").get() ?? {})).toEqual([2]);
  });

  test("that lacks a column of ours is read without it", async () => {
    await using dir = await TempDir.create("journal");
    await fill(dir, "ALTER TABLE executions DROP COLUMN handle; PRAGMA user_version = -1");
    using state = openJournal(dir.path, "w", recordLog());
    expect(state.journal.running()).toMatchObject([{ ...ref("runs"), handle: null }]);
  });

  test("which a dead sibling left is taken over as well", async () => {
    await using dir = await TempDir.create("journal");
    const first = openJournal(dir.path, "w", recordLog());
    const second = openJournal(dir.path, "w", recordLog());
    second.journal.claim(ref("sibling's"), "claimed sibling's");
    first[Symbol.dispose]();
    second[Symbol.dispose]();
    {
      using database = new DatabaseSync(dir.join("w", "slot-1.db"));
      database.exec(NEWER);
    }
    using state = openJournal(dir.path, "w", recordLog());
    expect(state.journal.running().map(({ taskId }) => taskId)).toEqual(["sibling's"]);
    expect(existsSync(dir.join("w", "slot-1.db"))).toBe(false);
  });
});
