/** A disk that is full: SQLite says so when its file may have no more pages, which needs no root. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import type { DatabaseSync } from "node:sqlite";
import { openDatabase } from "../../src/journal/database.ts";
import { type Disk, Journal } from "../../src/journal/journal.ts";
import { TempDir } from "../support/temp-dir.ts";
import { type RecordedLog, recordLog } from "../unit/logging/recorded-log.ts";

const LEFT = "journal cannot be written: going on in memory, a crash would now lose results";
const BACK = "journal is on disk again";
const ref = (taskId: string) => ({ taskId, executionId: "e" });
const BIG = "x".repeat(3_000);

afterEach(() => void jest.useRealTimers());

function pages(database: DatabaseSync): number {
  return Number(Object.values(database.prepare("PRAGMA page_count").get() ?? {})[0]);
}

const fill = (database: DatabaseSync) => database.exec(`PRAGMA max_page_count = ${pages(database)}`);
const makeRoom = (database: DatabaseSync) => database.exec("PRAGMA max_page_count = 1000000");

/** One that nobody removes, and which the journal therefore has to return to. */
const diskOf = (database: DatabaseSync): Disk => ({
  database,
  isThere: () => true,
  moveToNew: () => {
    throw new Error("It is still there");
  },
});

async function onDisk(
  work: (journal: Journal, database: DatabaseSync, log: RecordedLog) => void,
): Promise<Journal> {
  await using dir = await TempDir.create("full");
  const log = recordLog();
  {
    const database = openDatabase(dir.join("j.db"), log);
    using _closed = { [Symbol.dispose]: () => database.close() };
    using journal = new Journal(diskOf(database), log);
    work(journal, database, log);
  }
  // Its file may go: SQLite holds it open.
  return new Journal(diskOf(openDatabase(dir.join("j.db"), recordLog())), recordLog());
}

/** Claims until the disk is full. @returns the tasks */
function claimUntilFull(journal: Journal): string[] {
  const names: string[] = [];
  while (journal.durable && names.length < 1_000) {
    const name = `full-${names.length}`;
    journal.claim(ref(name), `claimed ${name} ${BIG}`);
    names.push(name);
  }
  return names;
}

describe("a full disk", () => {
  test("is one warning, and tasks are claimed, ended and found as before", async () => {
    using reopened = await onDisk((journal, database, log) => {
      journal.claim(ref("before"), "claimed before");
      fill(database);
      const names = claimUntilFull(journal);
      expect([journal.durable, log.said("warn")]).toEqual([false, [LEFT]]);
      for (const name of names) journal.end(ref(name), `done ${name}`);
      expect(journal.running().map(({ taskId }) => taskId)).toEqual(["before"]);
      expect(journal.find(ref(names.at(-1) ?? ""))?.ended).toBe(true);
      expect(log.said("warn")).toHaveLength(1);
    });
    expect(reopened.find(ref("before"))).not.toBeNull();
  });

  test("that has room again gets everything back, at the next turn of ten seconds", async () => {
    jest.useFakeTimers();
    const names: string[] = [];
    using reopened = await onDisk((journal, database, log) => {
      fill(database);
      names.push(...claimUntilFull(journal));
      jest.advanceTimersByTime(10_000);
      expect(journal.durable).toBe(false);
      makeRoom(database);
      jest.advanceTimersByTime(9_999);
      expect(journal.durable).toBe(false);
      jest.advanceTimersByTime(1);
      expect([journal.durable, log.said()]).toEqual([true, [LEFT, BACK]]);
      // Whether it is still there is looked at on and on.
      expect(jest.getTimerCount()).toBe(1);
      journal.claim(ref("after"), "claimed after");
    });
    expect(
      reopened
        .running()
        .map(({ taskId }) => taskId)
        .toSorted(),
    ).toEqual([...names, "after"].toSorted());
    expect(reopened.undelivered().at(-1)?.frame).toBe("claimed after");
  });

  test("that has room again at the end gets everything back then", async () => {
    let names: string[] = [];
    using reopened = await onDisk((journal, database) => {
      fill(database);
      names = claimUntilFull(journal);
      makeRoom(database);
    });
    expect(reopened.running()).toHaveLength(names.length);
  });

  test("leaves no clock running behind a journal that is closed", async () => {
    jest.useFakeTimers();
    using reopened = await onDisk((journal, database) => {
      fill(database);
      const [first = ""] = claimUntilFull(journal);
      journal.end(ref(first), "done");
      journal.delivered(1);
    });
    reopened[Symbol.dispose]();
    expect(jest.getTimerCount()).toBe(0);
  });

  test("twice is two warnings and two returns", async () => {
    jest.useFakeTimers();
    using reopened = await onDisk((journal, database, log) => {
      for (let round = 1; round <= 2; round++) {
        fill(database);
        claimUntilFull(journal);
        makeRoom(database);
        jest.advanceTimersByTime(10_000);
      }
      expect(log.said()).toEqual([LEFT, BACK, LEFT, BACK]);
    });
    expect(reopened.running().length).toBeGreaterThan(0);
  });

  test("does not give a number twice, so the order of all frames holds", async () => {
    using _ = await onDisk((journal, database) => {
      const seqs: number[] = [];
      for (let n = 0; n < 5; n++) seqs.push(journal.owe(`before ${n}`).seq);
      fill(database);
      while (journal.durable) seqs.push(journal.owe(BIG).seq);
      for (let n = 0; n < 5; n++) seqs.push(journal.owe(`after ${n}`).seq);
      expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
      expect(new Set(seqs).size).toBe(seqs.length);
    });
  });

  // A proof waits for the next write, which may be the one that the disk has no room for.
  // A number that is lower than the last one sent would be taken for one that was asked for already.
  test("does not give a number twice either when everything before was delivered", async () => {
    using _reopened = await onDisk((journal, database) => {
      fill(database);
      let last = 0;
      while (journal.durable && last < 1_000) {
        const { seq } = journal.claim(ref(`t-${last}`), `claimed ${BIG}`);
        expect(seq).toBe(last + 1);
        last = seq;
        journal.delivered(seq);
        expect(journal.undelivered()).toEqual([]);
      }
      expect(journal.durable).toBe(false);
    });
  });

  test("in the moment after a proof does not bring back what was proven", async () => {
    using reopened = await onDisk((journal, database) => {
      fill(database);
      for (let n = 0; journal.durable && n < 1_000; n++) {
        journal.delivered(journal.owe(`proven ${n}`).seq);
        journal.claim(ref(`t${n}`), BIG);
      }
      expect(journal.durable).toBe(false);
      expect(journal.undelivered().filter(({ frame }) => frame.startsWith("proven"))).toEqual([]);
      makeRoom(database);
    });
    expect(reopened.undelivered().filter(({ frame }) => frame.startsWith("proven"))).toEqual([]);
  });

  // Once: copyRows lets the new database number the frames from 1, while the outbox knows them by their old
  // numbers. The proof of the oldest then deletes others that nobody has read: lost at the next crash or stop.
  test("leaves the frames their numbers: a proof of the oldest deletes no other", async () => {
    using reopened = await onDisk((journal, database) => {
      const seqs = ["a", "b", "c", "d", "e", "f"].map((frame) => journal.owe(frame).seq);
      journal.delivered(seqs[2] ?? 0);
      expect(journal.undelivered()).toHaveLength(3);
      fill(database);
      while (journal.durable) journal.owe(BIG);
      // The far side has read "d" and nothing after it.
      journal.delivered(seqs[3] ?? 0);
      makeRoom(database);
    });
    expect(
      reopened
        .undelivered()
        .map(({ frame }) => frame)
        .slice(0, 2),
    ).toEqual(["e", "f"]);
  });

  // The same cause: equal frames (a claim that was sent twice) become one in the copy.
  test("leaves equal frames apart", async () => {
    using reopened = await onDisk((journal, database) => {
      journal.owe("claimed");
      journal.owe("claimed");
      fill(database);
      while (journal.durable) journal.owe(BIG);
      makeRoom(database);
    });
    expect(reopened.undelivered().filter(({ frame }) => frame === "claimed")).toHaveLength(2);
  });
});

// A statement that is refused leaves the transaction open, as a full disk does not, and no other could ever begin.
test("a disk that refuses one statement of several is returned to like one that was full", async () => {
  jest.useFakeTimers();
  const refuse = "CREATE TEMP TRIGGER refuse BEFORE INSERT ON outbox BEGIN SELECT RAISE(FAIL, 'no'); END";
  using reopened = await onDisk((journal, database, log) => {
    database.exec(refuse);
    journal.claim(ref("refused"), "claimed refused");
    expect(journal.durable).toBe(false);
    database.exec("DROP TRIGGER refuse");
    jest.advanceTimersByTime(10_000);
    expect([journal.durable, log.said()]).toEqual([true, [LEFT, BACK]]);
  });
  expect(reopened.undelivered().map(({ frame }) => frame)).toEqual(["claimed refused"]);
});

describe("a disk that cannot be read either when it fails", () => {
  const hide = (database: DatabaseSync) => database.exec("ALTER TABLE executions RENAME TO hidden");
  const show = (database: DatabaseSync) => database.exec("ALTER TABLE hidden RENAME TO executions");

  // Once: it was replaced by the few rows that were written since it failed, and a worker that was stopped while it had
  // no connection took the only other copy of what it had to tell with it.
  test("has lost nothing when it is there again", async () => {
    jest.useFakeTimers();
    using reopened = await onDisk((journal, database, log) => {
      for (const name of ["runs", "ends"]) journal.claim(ref(name), `claimed ${name}`);
      journal.saveHandle(ref("runs"), { pid: 7 });
      const [first] = journal.undelivered();
      journal.end(ref("ends"), "done");
      hide(database);
      journal.claim(ref("new"), "claimed new");
      expect(journal.durable).toBe(false);
      journal.delivered(first?.seq ?? 0);
      journal.end(ref("runs"), "done, too");
      show(database);
      jest.advanceTimersByTime(10_000);
      expect([journal.durable, log.said()]).toEqual([true, [LEFT, BACK]]);
    });
    const frames = reopened.undelivered().map(({ frame }) => frame);
    expect(frames).toEqual(["claimed ends", "done", "claimed new", "done, too"]);
    expect(reopened.running()).toMatchObject([ref("new")]);
    expect(reopened.find(ref("ends"))).toMatchObject({ ended: true, terminal: "done" });
  });
});
