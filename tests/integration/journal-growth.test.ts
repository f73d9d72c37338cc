import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { openJournal } from "../../src/journal/open.ts";
import { TempDir } from "../support/temp-dir.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

const MOST_BYTES = 18 * 2 ** 20;

test("the write-ahead log does not grow with every task, and is gone after a gentle end", async () => {
  await using dir = await TempDir.create("growth");
  const log = dir.join("w/slot-0.db-wal");
  const state = openJournal(dir.path, "w", recordLog());
  for (let task = 0; task < 4_000; task++) {
    const ref = { taskId: `task-${task}`, executionId: "e" };
    state.journal.claim(ref, "claimed");
    state.journal.delivered(state.journal.end(ref, "completed")?.seq ?? 0);
    expect(statSync(log).size).toBeLessThan(MOST_BYTES);
  }
  state[Symbol.dispose]();
  expect(existsSync(log)).toBe(false);
});
