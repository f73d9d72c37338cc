/** Somebody removes the journal under a running worker: it goes on in a new one, and a successor finds all of it. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { cpSync, existsSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import type { ExecutionRef } from "../../src/journal/execution.ts";
import { type OpenJournal, openJournal } from "../../src/journal/open.ts";
import { TempDir } from "../support/temp-dir.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";

const MINUTE_MS = 60_000;
const MOMENT_MS = 100;
const HALF_A_MINUTE_MS = MINUTE_MS / 2;

let dir: TempDir;
let log: RecordedLog;
let state: OpenJournal;

beforeEach(async () => {
  jest.useFakeTimers();
  dir = await TempDir.create("removed");
  log = recordLog();
  state = openJournal(dir.path, "w", log);
  state.journal.claim(ref("before"), "before");
  state.journal.saveHandle(ref("before"), { pid: 7 });
});

afterEach(async () => {
  jest.useRealTimers();
  await dir[Symbol.asyncDispose]();
});

const ref = (taskId: string): ExecutionRef => ({ taskId, executionId: "" });
const warnings = () => log.lines.filter(({ level }) => level === "warn").map(({ message }) => message);

/** What the next worker finds, once this one has gone without notice. */
function found(): unknown[] {
  using _gone = state;
  // As it is on disk now, before anything is written at a gentle end.
  cpSync(dir.join("w"), dir.join("copy"), { recursive: true });
  using next = openJournal(dir.path, "copy", recordLog());
  return next.journal.running().map(({ taskId, handle }) => [taskId, handle]);
}

describe("a journal that was removed", () => {
  test("with its folder is made again before the next task is claimed, with all that was in it", () => {
    rmSync(dir.join("w"), { recursive: true });
    jest.advanceTimersByTime(HALF_A_MINUTE_MS);
    state.journal.claim(ref("after"), "after");
    expect(warnings()).toEqual(["journal was removed or replaced under the worker: going on in a new one"]);
    expect(found()).toEqual([
      ["after", null],
      ["before", { pid: 7 }],
    ]);
  });

  test("right after the last look, as by a hand beside it, is missed by the next claim all the same", () => {
    state.journal.claim(ref("seen"), "seen");
    rmSync(dir.join("w"), { recursive: true });
    jest.advanceTimersByTime(MOMENT_MS);
    state.journal.claim(ref("after"), "after");
    expect(found()).toEqual([
      ["after", null],
      ["before", { pid: 7 }],
      ["seen", null],
    ]);
  });

  test("is made again before a task's end is written, which would be lost otherwise", () => {
    rmSync(dir.join("w"), { recursive: true });
    jest.advanceTimersByTime(MOMENT_MS);
    state.journal.end(ref("before"), "its end");
    using _gone = state;
    cpSync(dir.join("w"), dir.join("copy"), { recursive: true });
    using next = openJournal(dir.path, "copy", recordLog());
    expect(next.journal.undelivered().map(({ frame }) => frame)).toEqual(["before", "its end"]);
  });

  test("is missed within a minute also when nothing is claimed", () => {
    rmSync(dir.join("w"), { recursive: true });
    jest.advanceTimersByTime(MINUTE_MS);
    expect(existsSync(dir.join("w/exits"))).toBe(true);
    expect(found()).toEqual([["before", { pid: 7 }]]);
  });

  test("without its folder leaves the slots of others alone", () => {
    const dead = openJournal(dir.path, "w", recordLog());
    dead.journal.claim(ref("theirs"), "theirs");
    dead[Symbol.dispose]();
    for (const name of readdirSync(dir.join("w"))) {
      if (name.startsWith("slot-0.db")) rmSync(dir.join("w", name));
    }
    jest.advanceTimersByTime(MINUTE_MS);
    expect(state.journal.running().map(({ taskId }) => taskId)).toEqual(["before"]);
    state[Symbol.dispose]();
    using next = openJournal(dir.path, "w", recordLog());
    expect(next.journal.running().map(({ taskId }) => taskId)).toEqual(["before", "theirs"]);
  });

  test("is told from one that cannot be looked at for now", () => {
    renameSync(dir.join("w"), dir.join("away"));
    symlinkSync("w", dir.join("w"));
    jest.advanceTimersByTime(MINUTE_MS);
    state.journal.claim(ref("after"), "after");
    expect([warnings(), state.journal.durable]).toEqual([[], true]);
    // A scrape asks for that among all else, and was answered with a 500 and no metric at all.
    expect(state.sizeBytes()).toBe(0);
    rmSync(dir.join("w"));
    renameSync(dir.join("away"), dir.join("w"));
    expect(found()).toEqual([
      ["after", null],
      ["before", { pid: 7 }],
    ]);
  });

  test("and cannot be made again is in memory until it can", async () => {
    rmSync(dir.join("w"), { recursive: true });
    await dir.write("w", "in the way");
    jest.advanceTimersByTime(MINUTE_MS);
    expect(state.journal.durable).toBe(false);
    // Once the only words were that it goes on in a new one.
    expect(warnings().at(-1)).toBe(
      "journal cannot be written: going on in memory, a crash would now lose results",
    );
    state.journal.claim(ref("after"), "after");
    rmSync(dir.join("w"));
    jest.advanceTimersByTime(MINUTE_MS);
    expect(state.journal.durable).toBe(true);
    expect(found()).toEqual([
      ["after", null],
      ["before", { pid: 7 }],
    ]);
  });
});

test("a folder of exit statuses that was removed is made again", () => {
  rmSync(dir.join("w/exits"), { recursive: true });
  jest.advanceTimersByTime(MINUTE_MS);
  expect(existsSync(dir.join("w/exits"))).toBe(true);
  expect(warnings()).toEqual([]);
  state[Symbol.dispose]();
});
