import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { openJournal } from "../../src/journal/open.ts";
import { TempDir } from "../support/temp-dir.ts";
import { mountTmpfs } from "../support/tmpfs.ts";
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

// It was full of its own log after some hundred tasks, and the journal went on in memory until the next start.
describe.skipIf(process.getuid?.() !== 0)("on a disk that is smaller than that log (needs root)", () => {
  test("the log is emptied instead of being taken for a full disk", async () => {
    await using dir = await TempDir.create("small-disk");
    await using disk = await mountTmpfs(dir, "state", 2 * 2 ** 20);
    const log = recordLog();
    using state = openJournal(disk.path, "w", log);
    for (let task = 0; task < 1_000; task++) {
      const ref = { taskId: `task-${task}`, executionId: "e" };
      state.journal.claim(ref, "claimed", { pid: task });
      state.journal.delivered(state.journal.end(ref, "completed")?.seq ?? 0);
    }
    expect({ durable: state.journal.durable, warned: log.said("warn") }).toEqual({
      durable: true,
      warned: [],
    });
    expect(state.journal.find({ taskId: "task-0", executionId: "e" })).toMatchObject({ ended: true });
  });
});
