/** Several daemons of one worker id on one host, each in a process of its own, some of them killed. */
import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { openJournal } from "../../src/journal/open.ts";
import { CAN_OBEY, OBEYING } from "../support/permissions.ts";
import { TempDir } from "../support/temp-dir.ts";
import type { Step } from "../unit/journal/journal-child.ts";
import { JournalProcess } from "../unit/journal/journal-process.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

const HOLD: Step = { do: "hold" };
const claim = (task: string): Step => ({ do: "claim", task });
const slotOf = (child: JournalProcess) => basename(child.opened.file);
const start = (dir: TempDir, ...steps: Step[]) => JournalProcess.start(dir.path, [...steps, HOLD]);

test("each living daemon has a slot of its own, and none sees another's tasks", async () => {
  await using dir = await TempDir.create("slots");
  await using first = await start(dir, claim("a"));
  await using second = await start(dir, claim("b"));
  await using third = await start(dir);
  expect([first, second, third].map(slotOf)).toEqual(["slot-0.db", "slot-1.db", "slot-2.db"]);
  expect([second.opened.running, third.opened.running]).toEqual([[], []]);
});

test("two openings in one process have two slots as well", async () => {
  await using dir = await TempDir.create("slots");
  using first = openJournal(dir.path, "w", recordLog());
  using second = openJournal(dir.path, "w", recordLog());
  first.journal.claim({ taskId: "a", executionId: "e" }, "claimed");
  expect(second.journal.running()).toEqual([]);
});

// Once: every worker of the id went on in memory, for a file of which only one slot depends.
test("a damaged lock file costs its own slot, with a warning, and no other", async () => {
  await using dir = await TempDir.create("slots");
  {
    using first = openJournal(dir.path, "w", recordLog());
    using _second = openJournal(dir.path, "w", recordLog());
    first.journal.claim({ taskId: "a", executionId: "e" }, "claimed");
  }
  await Bun.write(dir.join("w", "slot-1.lock"), "not a lock ".repeat(1_000));
  const log = recordLog();
  using next = openJournal(dir.path, "w", log);
  using after = openJournal(dir.path, "w", log);
  expect([next.journal.durable, after.journal.durable]).toEqual([true, true]);
  expect(next.journal.running()).toHaveLength(1);
  const told = log.lines.filter(({ level }) => level === "warn").map(({ fields }) => fields["file"]);
  expect(new Set(told)).toEqual(new Set([dir.join("w", "slot-1.lock")]));
});

// Somebody tried a second worker beside the service, as root and with a umask of 077: from its next start on the service
// went on in memory, and told nothing of the tasks in its own slot.
test.skipIf(!CAN_OBEY).each([
  ["that may not be opened", 0o000],
  ["that may only be read", 0o444],
])("another user's lock file %s costs its own slot, with a warning, and no other", async (_what, mode) => {
  await using dir = await TempDir.create("slots");
  {
    await using _own = await start(dir, claim("a"));
    await using _other = await start(dir);
  }
  chmodSync(dir.join("w", "slot-1.lock"), mode);
  await using third = await JournalProcess.start(dir.path, [HOLD], OBEYING);
  await using fourth = await JournalProcess.start(dir.path, [HOLD], OBEYING);
  expect([third, fourth].map(slotOf)).toEqual(["slot-0.db", "slot-2.db"]);
  expect([third.opened.durable, fourth.opened.durable]).toEqual([true, true]);
  expect(third.opened.running).toEqual(["a"]);
  expect(third.opened.warnings).toEqual([expect.stringMatching(/^lock file may not be used by this user/)]);
});

test("a dead daemon's journal that cannot be opened costs a warning, and what the others left is taken over", async () => {
  await using dir = await TempDir.create("slots");
  {
    using _first = openJournal(dir.path, "w", recordLog());
    using _second = openJournal(dir.path, "w", recordLog());
    using third = openJournal(dir.path, "w", recordLog());
    third.journal.claim({ taskId: "c", executionId: "e" }, "claimed");
  }
  const file = dir.join("w", "slot-1.db");
  rmSync(file);
  mkdirSync(file);
  const log = recordLog();
  using next = openJournal(dir.path, "w", log);
  expect(next.journal.running().map(({ taskId }) => taskId)).toEqual(["c"]);
  const told = log.lines.map(({ level, fields }) => [level, fields["slot"] ?? fields["file"]]);
  expect(Object.fromEntries(told)).toMatchObject({ warn: file, info: 2 });
});

test("workers of different ids have nothing to do with each other", async () => {
  await using dir = await TempDir.create("slots");
  {
    using one = openJournal(dir.path, "one", recordLog());
    one.journal.owe("of one");
  }
  using other = openJournal(dir.path, "other", recordLog());
  expect(other.journal.undelivered()).toEqual([]);
});

test("the slot of a killed daemon is the next one's, with what is in it", async () => {
  await using dir = await TempDir.create("slots");
  await using first = await start(dir, claim("a"));
  await using living = await start(dir, claim("b"));
  await first.kill();
  await using next = await start(dir);
  expect(slotOf(next)).toBe("slot-0.db");
  expect([next.opened.running, next.opened.owed]).toEqual([["a"], ["claimed a"]]);
  expect(living.opened.running).toEqual([]);
});

test("what several dead daemons left is taken over once, by the next that starts", async () => {
  await using dir = await TempDir.create("slots");
  const dead = await Promise.all([start(dir, claim("a")), start(dir, claim("b")), start(dir, claim("c"))]);
  await Promise.all(dead.map((child) => child.kill()));
  await using next = await start(dir);
  await using later = await start(dir);
  expect(next.opened.running.toSorted()).toEqual(["a", "b", "c"]);
  expect(next.opened.owed.toSorted()).toEqual(["claimed a", "claimed b", "claimed c"]);
  expect(later.opened).toMatchObject({ running: [], owed: [] });
});

test("the frames that are taken over come after the own ones and keep their order", async () => {
  await using dir = await TempDir.create("slots");
  const owe = (task: string): Step => ({ do: "owe", task });
  await using first = await start(dir, owe("a1"), owe("a2"), owe("a3"));
  await using second = await start(dir, owe("b1"), owe("b2"));
  await Promise.all([first.kill(), second.kill()]);
  await using next = await start(dir);
  expect(next.opened.owed).toEqual(["a1", "a2", "a3", "b1", "b2"]);
});

test("ten daemons that start together after ten were killed share out every task, each once", async () => {
  await using dir = await TempDir.create("slots");
  const names = Array.from({ length: 10 }, (_, n) => `t${n}`);
  const dead = await Promise.all(names.map((name) => start(dir, claim(name))));
  await Promise.all(dead.map((child) => child.kill()));
  const next = await Promise.all(names.map(() => start(dir)));
  try {
    expect(new Set(next.map(slotOf)).size).toBe(10);
    expect(next.flatMap(({ opened }) => opened.running).toSorted()).toEqual(names);
    expect(next.every(({ opened }) => opened.durable)).toBe(true);
  } finally {
    await Promise.all(next.map((child) => child.kill()));
  }
}, 30_000);

test("a take-over that is cut short before the old file was removed is made good without doubles", async () => {
  await using dir = await TempDir.create("slots");
  await using first = await start(dir, claim("a"));
  await using second = await start(dir, claim("b"), { do: "end", task: "b" });
  await Promise.all([first.kill(), second.kill()]);
  const file = second.opened.file;
  for (const suffix of ["", "-wal"])
    if (existsSync(file + suffix)) copyFileSync(file + suffix, `${dir.join("copy")}${suffix}`);
  await (await start(dir)).kill();
  expect(existsSync(file)).toBe(false);
  for (const suffix of ["", "-wal"])
    if (existsSync(dir.join("copy") + suffix)) copyFileSync(dir.join("copy") + suffix, file + suffix);
  await using next = await start(dir);
  expect([next.opened.running, next.opened.owed]).toEqual([["a"], ["claimed a", "claimed b", "done b"]]);
});

// Executions of one task have the same words on the wire. Taken for doubles, the later ones were lost.
test("the same words, owed for several executions and by several dead daemons, are taken over as often", async () => {
  await using dir = await TempDir.create("slots");
  const twice: Step[] = [claim("a"), { do: "end", task: "a" }, claim("a"), { do: "end", task: "a" }];
  await using first = await start(dir, claim("a"));
  await using second = await start(dir, ...twice);
  await using third = await start(dir, ...twice);
  await Promise.all([first.kill(), second.kill(), third.kill()]);
  await using next = await start(dir);
  const pair = ["claimed a", "done a"];
  // Each frame that was there before may be one of those that a take-over which was cut short had brought.
  expect(next.opened.owed).toEqual(["claimed a", "done a", ...pair, ...pair, ...pair]);
});

test("a daemon in the middle of its work keeps its slot while others come and go", async () => {
  await using dir = await TempDir.create("slots");
  await using living = await start(dir, claim("a"));
  for (let round = 0; round < 5; round++) {
    await using passing = await start(dir);
    expect([slotOf(passing), passing.opened.running]).toEqual(["slot-1.db", []]);
  }
  await living.kill();
  await using next = await start(dir);
  expect(next.opened.running).toEqual(["a"]);
});
