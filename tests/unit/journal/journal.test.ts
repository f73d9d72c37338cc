import { afterEach, describe, expect, jest, test } from "bun:test";
import { openMemoryDatabase } from "../../../src/journal/database.ts";
import { Journal } from "../../../src/journal/journal.ts";
import { Statements } from "../../../src/journal/statements.ts";
import { recordLog } from "../logging/recorded-log.ts";

const HOUR_MS = 3_600_000;
const ref = (taskId: string, executionId = "e") => ({ taskId, executionId });
const inMemory = () => new Journal(null, recordLog());
const frames = (journal: Journal) => journal.undelivered().map(({ frame }) => frame);

afterEach(() => void jest.useRealTimers());

describe("an execution", () => {
  test("runs from its claim to its end, and its frames are owed in that order", () => {
    using journal = inMemory();
    expect(journal.find(ref("t"))).toBeNull();
    journal.claim(ref("t"), "claimed t");
    expect(journal.find(ref("t"))).toMatchObject({ ...ref("t"), handle: null, ended: false, terminal: null });
    journal.saveHandle(ref("t"), { pid: 7, dir: "/ws/t", made: true, none: null });
    expect(journal.running()).toMatchObject([
      { ...ref("t"), handle: { pid: 7, dir: "/ws/t", made: true, none: null }, ended: false, terminal: null },
    ]);
    journal.end(ref("t"), "completed t");
    expect(journal.running()).toEqual([]);
    expect(journal.find(ref("t"))).toMatchObject({
      ...ref("t"),
      handle: null,
      ended: true,
      terminal: "completed t",
    });
    expect(frames(journal)).toEqual(["claimed t", "completed t"]);
  });

  test("that is claimed with a handle has it from then on, and one that is claimed again without has none", () => {
    using journal = inMemory();
    journal.claim(ref("t"), "claimed t", { dir: "/ws/t" });
    expect(journal.running()).toMatchObject([{ ...ref("t"), handle: { dir: "/ws/t" } }]);
    journal.claim(ref("t"), "claimed t");
    expect(journal.running()).toMatchObject([{ ...ref("t"), handle: null }]);
  });

  test("that is handed off ends without a frame", () => {
    using journal = inMemory();
    journal.claim(ref("t"), "claimed");
    expect(journal.end(ref("t"), null)).toBeNull();
    expect(journal.find(ref("t"))).toMatchObject({ ended: true, terminal: null });
  });

  test("that was handed off is found by its task, and no other is", () => {
    using journal = inMemory();
    const ends = [
      [ref("t", "e2"), null],
      [ref("t", "e1"), null],
      [ref("t", "reported"), "completed"],
      [ref("other"), null],
    ] as const;
    for (const [each, frame] of ends) {
      journal.claim(each, "claimed");
      journal.saveHandle(each, { pid: 7 });
      journal.end(each, frame);
    }
    journal.claim(ref("t", "running"), "claimed");
    expect(
      journal
        .handedOff("t")
        .map(({ executionId }) => executionId)
        .toSorted(),
    ).toEqual(["e1", "e2"]);
    // What ran it here is gone, and what is noted of it afterwards stays with it.
    expect(journal.handedOff("t").map(({ handle }) => handle)).toEqual([null, null]);
    journal.saveHandle(ref("t", "e1"), { cancelled: true });
    expect(journal.handedOff("t").filter(({ handle }) => handle?.["cancelled"])).toMatchObject([
      ref("t", "e1"),
    ]);
    expect(journal.handedOff("stranger")).toEqual([]);
  });

  test("that was cancelled is known as that until it has ended, or nobody goes on with it", () => {
    using journal = inMemory();
    for (const each of [ref("t"), ref("other")]) journal.claim(each, "claimed");
    journal.noteCancellation(ref("t"));
    expect(journal.running().map(({ taskId, cancelled }) => [taskId, cancelled])).toEqual([
      ["other", false],
      ["t", true],
    ]);
    journal.end(ref("t"), null);
    expect(journal.beingCancelled()).toEqual([]);
    journal.noteCancellation(ref("t"));
    expect(journal.beingCancelled()).toMatchObject([ref("t")]);
    journal.dropCancellation(ref("t"));
    expect(journal.beingCancelled()).toEqual([]);
  });

  test("is known by task and execution, each of any text", () => {
    using journal = inMemory();
    const odd = ["", "e", "e'--", 'e"', "😀", "x".repeat(10_000), "a\nb"];
    for (const executionId of odd) journal.claim(ref("t", executionId), `claimed ${executionId}`);
    for (const executionId of odd) journal.end(ref("t", executionId), `done ${executionId}`);
    for (const executionId of odd)
      expect(journal.find(ref("t", executionId))?.terminal).toBe(`done ${executionId}`);
    expect(journal.find(ref("t", "E"))).toBeNull();
  });

  test("without an id replaces the ended one before it", () => {
    using journal = inMemory();
    journal.claim(ref("t", ""), "claimed");
    journal.saveHandle(ref("t", ""), { pid: 1 });
    journal.end(ref("t", ""), "first");
    journal.claim(ref("t", ""), "claimed");
    expect(journal.running()).toMatchObject([
      { ...ref("t", ""), handle: null, ended: false, terminal: null },
    ]);
  });

  test("that nobody claimed here ends in the journal all the same", () => {
    using journal = inMemory();
    journal.end(ref("t"), "done");
    expect(journal.find(ref("t"))?.ended).toBe(true);
  });
});

describe("what is owed", () => {
  test("has growing numbers and goes when it is delivered, up to the number and no further", () => {
    using journal = inMemory();
    const seqs = ["a", "b", "c"].map((frame) => journal.owe(frame).seq);
    expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
    journal.delivered(seqs[1] ?? 0);
    expect(journal.undelivered()).toEqual([{ seq: seqs[2] ?? 0, frame: "c" }]);
    expect(journal.owe("d").seq).toBeGreaterThan(seqs[2] ?? 0);
  });

  test("may be the same words twice", () => {
    using journal = inMemory();
    journal.owe("claimed");
    journal.owe("claimed");
    expect(frames(journal)).toEqual(["claimed", "claimed"]);
  });

  test("never gets a number again, not even when everything before was delivered", () => {
    using journal = inMemory();
    const { seq } = journal.owe("a");
    journal.delivered(seq);
    expect(journal.owe("b").seq).toBeGreaterThan(seq);
  });
});

describe("an ended execution", () => {
  test("is remembered for 24 hours and forgotten after that; a running one is kept", () => {
    jest.useFakeTimers();
    using journal = inMemory();
    journal.claim(ref("old"), "claimed");
    journal.claim(ref("long"), "claimed");
    journal.delivered(journal.end(ref("old"), "done")?.seq ?? 0);
    jest.advanceTimersByTime(23.9 * HOUR_MS);
    journal.claim(ref("b"), "claimed");
    expect(journal.find(ref("old"))?.ended).toBe(true);
    jest.advanceTimersByTime(0.5 * HOUR_MS);
    journal.claim(ref("c"), "claimed");
    expect(journal.find(ref("old"))).toBeNull();
    expect(journal.find(ref("long"))?.ended).toBe(false);
  });

  test("that was handed off is remembered as long as the backend asks for, reported ones no longer for that", () => {
    jest.useFakeTimers();
    using journal = new Journal(null, recordLog(), 7 * 24 * HOUR_MS);
    for (const each of [ref("t", "late"), ref("t", "later")]) {
      journal.claim(each, "claimed");
      jest.advanceTimersByTime(HOUR_MS);
      journal.end(each, null);
    }
    journal.claim(ref("reported"), "claimed");
    journal.delivered(journal.end(ref("reported"), "done")?.seq ?? 0);
    jest.advanceTimersByTime(6.9 * 24 * HOUR_MS);
    journal.claim(ref("b"), "claimed");
    expect(journal.find(ref("reported"))).toBeNull();
    expect(journal.handedOff("t")).toMatchObject([ref("t", "late"), ref("t", "later")]);
    jest.advanceTimersByTime(0.2 * 24 * HOUR_MS);
    journal.claim(ref("c"), "claimed");
    expect(journal.handedOff("t")).toEqual([]);
  });

  test("that was handed off is remembered for a day at least", () => {
    jest.useFakeTimers();
    using journal = new Journal(null, recordLog(), 1);
    journal.claim(ref("t"), "claimed");
    journal.end(ref("t"), null);
    jest.advanceTimersByTime(23.9 * HOUR_MS);
    journal.claim(ref("b"), "claimed");
    expect(journal.handedOff("t")).toHaveLength(1);
  });

  // Once: until the clock was again where it had been, nothing was forgotten any more.
  test("is forgotten after 24 hours, too, when the clock was years ahead at first and was set back", () => {
    jest.useFakeTimers();
    jest.setSystemTime(new Date("2036-01-01"));
    using journal = inMemory();
    journal.claim(ref("first"), "claimed");
    jest.setSystemTime(new Date("2026-01-01"));
    journal.claim(ref("old"), "claimed");
    journal.delivered(journal.end(ref("old"), "done")?.seq ?? 0);
    jest.advanceTimersByTime(25 * HOUR_MS);
    journal.claim(ref("b"), "claimed");
    expect(journal.find(ref("old"))).toBeNull();
  });

  // After a step of three days what had just ended ran once more when it was delivered again.
  test.each(["2026-01-04", "2082-01-01", "1970-01-01"])(
    "is remembered for 24 hours that passed, although the clock is set to %s meanwhile",
    (date) => {
      jest.useFakeTimers();
      jest.setSystemTime(new Date("2026-01-01"));
      const log = recordLog();
      using journal = new Journal(null, log);
      journal.claim(ref("old"), "claimed");
      journal.delivered(journal.end(ref("old"), "done")?.seq ?? 0);
      jest.setSystemTime(new Date(date));
      journal.claim(ref("b"), "claimed");
      expect(journal.find(ref("old"))?.ended).toBe(true);
      jest.advanceTimersByTime(23.9 * HOUR_MS);
      journal.claim(ref("c"), "claimed");
      expect(journal.find(ref("old"))?.ended).toBe(true);
      jest.advanceTimersByTime(0.5 * HOUR_MS);
      journal.claim(ref("d"), "claimed");
      expect(journal.find(ref("old"))).toBeNull();
      expect(log.lines).toMatchObject([
        { level: "info", message: expect.stringContaining("the clock was set") },
      ]);
    },
  );

  test("keeps the time of an earlier worker's clock, when one that had yet to learn the time is set", () => {
    const statements = new Statements(openMemoryDatabase());
    const [then, boot, now] = [Date.UTC(2026, 0, 1), 60_000, Date.UTC(2026, 0, 2)];
    for (const [taskId, at] of [
      ["then", then],
      ["boot", boot],
    ] as const) {
      statements.claim(ref(taskId), null, "claimed", at);
      statements.end(ref(taskId), null, at);
    }
    statements.moveTimes(now - boot, boot, boot - HOUR_MS);
    expect(["then", "boot"].map((taskId) => statements.find(ref(taskId))?.endedAt)).toEqual([then, now]);
  });

  // Once: a worker that came back after a weekend was asked first for a new task, then for the one whose end it still
  // had to tell, and ran that again.
  test("whose report nobody has read yet is remembered for longer", () => {
    jest.useFakeTimers();
    using journal = inMemory();
    journal.claim(ref("old"), "claimed");
    const end = journal.end(ref("old"), "done");
    jest.advanceTimersByTime(48 * HOUR_MS);
    journal.claim(ref("b"), "claimed");
    expect(frames(journal)).toContain("done");
    expect(journal.find(ref("old"))?.ended).toBe(true);
    journal.delivered(end?.seq ?? 0);
    jest.advanceTimersByTime(HOUR_MS);
    journal.claim(ref("c"), "claimed");
    expect(journal.find(ref("old"))).toBeNull();
  });
});

// The next worker ended tasks that had run for seconds as over time, because the clock had gone on by more than that.
test("a running execution's age does not change when the clock is set, be there a task that comes or not", () => {
  jest.useFakeTimers();
  jest.setSystemTime(new Date("1970-01-01T00:01:00Z"));
  const disk = { database: openMemoryDatabase(), isThere: () => true, moveToNew: () => {} };
  using journal = new Journal(disk, recordLog());
  journal.claim(ref("t"), "claimed");
  jest.setSystemTime(new Date("2026-01-01"));
  jest.advanceTimersByTime(60_000);
  expect(Date.now() - (journal.find(ref("t"))?.claimedAt ?? 0)).toBe(60_000);
});

test("a journal in memory says that it would not survive", () => {
  using journal = inMemory();
  expect(journal.durable).toBe(false);
});
