import { describe, expect, jest, test } from "bun:test";
import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { basename } from "node:path";
import { TaskLogs } from "../../../../src/backends/direct/task-logs.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { recordLog } from "../../logging/recorded-log.ts";

const COMMAND = { argv: ["/bin/true"], cwd: "/", env: {} };
const DAY_MS = 86_400_000;

function logsIn(dir: string | null, maxAgeMs: number | null = null) {
  const log = recordLog();
  return { logs: new TaskLogs({ dir, maxAgeMs, log }), log };
}

describe("the file of a task's output", () => {
  test("is there, for nobody else to read, and the same for each of its commands", async () => {
    await using dir = await TempDir.create("logs");
    const { logs } = logsIn(dir.path);
    const kept = logs.kept("t-1", COMMAND);
    expect(kept).toEqual({ ...COMMAND, outputFile: dir.join("oz-task-t-1.log") });
    expect(statSync(dir.join("oz-task-t-1.log")).mode & 0o777).toBe(0o600);
    expect(logs.kept("t-1", COMMAND)).toEqual(kept);
  });

  test.each(["../../etc/passwd", "a/b", "..", "ü", "x".repeat(300)])(
    "of task %p is in the folder",
    async (taskId) => {
      await using dir = await TempDir.create("logs");
      const { outputFile } = logsIn(dir.path).logs.kept(taskId, COMMAND);
      expect(readdirSync(dir.path)).toEqual([basename(outputFile ?? "")]);
    },
  );

  test("is none where no folder was named", () => {
    expect(logsIn(null).logs.kept("t-1", COMMAND)).toBe(COMMAND);
  });

  test("that cannot be made costs a warning, and the task runs", async () => {
    await using dir = await TempDir.create("logs");
    const { logs, log } = logsIn(dir.join("gone"));
    expect(logs.kept("t-1", COMMAND)).toBe(COMMAND);
    expect(log.lines.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
      "cannot keep what a task writes; it goes to the worker's own output",
    ]);
  });
});

describe("old files of tasks' output", () => {
  async function withOld(maxAgeMs: number | null) {
    const dir = await TempDir.create("logs");
    const old = await dir.write("oz-task-old.log", "x");
    const fresh = await dir.write("oz-task-fresh.log", "x");
    const strange = await dir.write("notes.log", "x");
    const packed = await dir.write("oz-task-old.log.gz", "x");
    const folder = await dir.mkdir("oz-task-folder.log");
    const longAgo = (Date.now() - 2 * DAY_MS) / 1_000;
    for (const path of [old, strange, packed, folder]) utimesSync(path, longAgo, longAgo);
    const { logs, log } = logsIn(dir.path, maxAgeMs);
    logs.kept("new", COMMAND);
    expect(log.lines).toEqual([]);
    return { dir, there: [old, fresh, strange, packed, folder].map((path) => existsSync(path)) };
  }

  test("go once nothing was written to them for the time that is set, and nothing else does", async () => {
    const { dir, there } = await withOld(DAY_MS);
    expect(there).toEqual([false, true, true, true, true]);
    await dir[Symbol.asyncDispose]();
  });

  test("stay where no time is set", async () => {
    const { dir, there } = await withOld(null);
    expect(there).toEqual([true, true, true, true, true]);
    await dir[Symbol.asyncDispose]();
  });

  const HOUR_MS = DAY_MS / 24;

  /** Whether the first task's file, gone old meanwhile, is there when another task begins after an hour, or `waitMs`. */
  async function isThereAfterAnHour(between: (logs: TaskLogs) => void, waitMs = HOUR_MS) {
    await using dir = await TempDir.create("logs");
    const { logs } = logsIn(dir.path, HOUR_MS);
    const file = dir.join("oz-task-first.log");
    jest.useFakeTimers();
    try {
      logs.kept("first", COMMAND);
      between(logs);
      utimesSync(file, 1, 1);
      jest.advanceTimersByTime(waitMs);
      logs.kept("second", COMMAND);
      return existsSync(file);
    } finally {
      jest.useRealTimers();
    }
  }

  // Its agent went on writing to a file without a name, and its teardown began a new one.
  test("stay while their task runs, silent for however long", async () => {
    expect(await isThereAfterAnHour(() => {})).toBe(true);
  });

  test("go when their task has ended", async () => {
    expect(await isThereAfterAnHour((logs) => logs.ended("first"))).toBe(false);
  });

  test("are looked for once an hour at most, and not with each task", async () => {
    expect(await isThereAfterAnHour((logs) => logs.ended("first"), HOUR_MS - 1)).toBe(true);
  });

  test("stay when their task was begun by a dead worker and is waited for", async () => {
    await using dir = await TempDir.create("logs");
    const old = await dir.write("oz-task-taken-over.log", "x");
    utimesSync(old, 1, 1);
    const { logs } = logsIn(dir.path, DAY_MS);
    logs.begun("taken-over");
    logs.kept("new", COMMAND);
    expect(existsSync(old)).toBe(true);
  });
});
