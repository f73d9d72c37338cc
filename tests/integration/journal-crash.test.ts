/** What the journal knows after its process was killed, and what becomes of a damaged file. */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type OpenJournal, openJournal } from "../../src/journal/open.ts";
import { TempDir } from "../support/temp-dir.ts";
import type { Step } from "../unit/journal/journal-child.ts";
import { JournalProcess } from "../unit/journal/journal-process.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

const ref = (taskId: string) => ({ taskId, executionId: "e" });
const DIE: Step = { do: "die" };
const step = (what: "claim" | "handle" | "end" | "owe", task = "t"): Step => ({ do: what, task });

describe("SIGKILL", () => {
  test.each<[string, Step[], { running: string[]; pid: number | null; owed: string[] }]>([
    ["right after the claim", [step("claim")], { running: ["t"], pid: null, owed: ["claimed t"] }],
    ["after the handle", [step("claim"), step("handle")], { running: ["t"], pid: 42, owed: ["claimed t"] }],
    [
      "after the claim was delivered and the task ended",
      [step("claim"), step("handle"), { do: "delivered", seq: 1 }, step("end")],
      { running: [], pid: null, owed: ["done t"] },
    ],
    [
      "after the end",
      [step("claim"), step("handle"), step("end")],
      { running: [], pid: null, owed: ["claimed t", "done t"] },
    ],
    [
      "after the end was delivered and the next task claimed",
      [step("claim"), step("end"), { do: "delivered", seq: 2 }, step("claim", "u")],
      { running: ["u"], pid: null, owed: ["claimed u"] },
    ],
    [
      "after the end was delivered and a moment had passed",
      [step("claim"), step("end"), { do: "delivered", seq: 2 }, { do: "moment" }],
      { running: [], pid: null, owed: [] },
    ],
    ["after another frame", [step("owe", "rejected u")], { running: [], pid: null, owed: ["rejected u"] }],
  ])("%s leaves exactly that on disk", async (_when, steps, expected) => {
    await using dir = await TempDir.create("journal");
    expect(await (await JournalProcess.run(dir.path, [...steps, DIE])).exited).toBe(137);
    const log = recordLog();
    using state = openJournal(dir.path, "w", log);
    const running = state.journal.running();
    expect(running.map(({ taskId }) => taskId)).toEqual(expected.running);
    expect(running[0]?.handle ?? null).toEqual(expected.pid === null ? null : { pid: expected.pid });
    expect(state.journal.undelivered().map(({ frame }) => frame)).toEqual(expected.owed);
    expect([state.journal.durable, log.said()]).toEqual([true, []]);
  });

  test("right after a delivery may repeat what was delivered, and loses nothing that was not", async () => {
    await using dir = await TempDir.create("journal");
    const steps = [step("owe", "a"), step("owe", "b"), step("owe", "c")];
    await JournalProcess.run(dir.path, [...steps, { do: "delivered", seq: 2 }, DIE]);
    using state = openJournal(dir.path, "w", recordLog());
    const owed = state.journal.undelivered().map(({ frame }) => frame);
    expect(owed.slice(-1)).toEqual(["c"]);
    expect(["c", "b,c", "a,b,c"]).toContain(owed.join());
  });

  test("after 300 tasks loses none and keeps their order", async () => {
    await using dir = await TempDir.create("journal");
    const names = Array.from({ length: 300 }, (_, n) => `t${n}`);
    await JournalProcess.run(dir.path, [
      ...names.map((name) => step("claim", name)),
      ...names.map((name) => step("end", name)),
      DIE,
    ]);
    using state = openJournal(dir.path, "w", recordLog());
    expect(state.journal.undelivered().map(({ frame }) => frame)).toEqual([
      ...names.map((name) => `claimed ${name}`),
      ...names.map((name) => `done ${name}`),
    ]);
  });

  test("leaves numbers from which the next daemon counts on", async () => {
    await using dir = await TempDir.create("journal");
    await JournalProcess.run(dir.path, [step("owe", "a"), step("owe", "b"), DIE]);
    using state = openJournal(dir.path, "w", recordLog());
    const last = state.journal.undelivered().at(-1)?.seq ?? 0;
    expect(state.journal.owe("c").seq).toBeGreaterThan(last);
  });
});

test("an orderly end leaves everything for the next start too", async () => {
  await using dir = await TempDir.create("journal");
  {
    using state = openJournal(dir.path, "w", recordLog());
    state.journal.claim(ref("t"), "claimed");
    state.journal.saveHandle(ref("t"), { pid: 7 });
  }
  using state = openJournal(dir.path, "w", recordLog());
  expect(state.journal.running()).toMatchObject([
    { ...ref("t"), handle: { pid: 7 }, ended: false, terminal: null },
  ]);
});

// A stop drains the outbox, so its end comes in the very moment of the last proof.
test("an orderly end right after a delivery leaves nothing to be told twice", async () => {
  await using dir = await TempDir.create("journal");
  {
    using state = openJournal(dir.path, "w", recordLog());
    state.journal.claim(ref("t"), "claimed");
    const done = state.journal.end(ref("t"), "done");
    state.journal.delivered(done?.seq ?? 0);
  }
  using state = openJournal(dir.path, "w", recordLog());
  expect(state.journal.undelivered()).toEqual([]);
});

describe("a damaged file", () => {
  async function filledFile(dir: TempDir): Promise<string> {
    using state = openJournal(dir.path, "w", recordLog());
    for (let n = 0; n < 200; n++) state.journal.claim(ref(`t${n}`), `claimed ${n} ${"x".repeat(200)}`);
    return dir.join("w", "slot-0.db");
  }

  function openAndUse(dir: TempDir): { warnings: readonly string[]; aside: string[] } {
    const log = recordLog();
    using state = openJournal(dir.path, "w", log);
    state.journal.claim(ref("new"), "claimed new");
    expect(state.journal.durable).toBe(true);
    expect(state.journal.find(ref("new"))).not.toBeNull();
    return {
      warnings: log.said("warn"),
      aside: readdirSync(dir.join("w")).filter(
        (name) => name.includes("damaged") && !/-(wal|shm)$/.test(name),
      ),
    };
  }

  test.each<[string, (file: string) => void]>([
    ["is garbage", (file) => writeFileSync(file, "this is no database, ".repeat(1_000))],
    ["has a garbled header", (file) => writeFileSync(file, readFileSync(file).fill(0xee, 0, 64))],
    ["has garbled pages", (file) => writeFileSync(file, readFileSync(file).fill(0xee, 4096, 16_384))],
    ["was cut after one page", (file) => truncateSync(file, 4096)],
    ["was cut in the middle of a page", (file) => truncateSync(file, 10_000)],
    [
      "was made by a version that keeps tasks elsewhere",
      (file) => {
        const database = new DatabaseSync(file);
        database.exec("ALTER TABLE executions RENAME TO tasks; PRAGMA user_version = 99");
        database.close();
      },
    ],
  ])("that %s is set aside with one warning, and the journal goes on, on disk", async (_how, damage) => {
    await using dir = await TempDir.create("journal");
    const file = await filledFile(dir);
    damage(file);
    const spoiled = readFileSync(file);
    const { warnings, aside } = openAndUse(dir);
    expect(warnings).toEqual(["journal damaged: set aside, going on with an empty one"]);
    expect(aside).toHaveLength(1);
    expect(readFileSync(dir.join("w", aside[0] ?? "")).equals(spoiled)).toBe(true);
    expect(openAndUse(dir).warnings).toEqual([]);
  });

  test("that is empty is a new one", async () => {
    await using dir = await TempDir.create("journal");
    writeFileSync(await filledFile(dir), "");
    expect(openAndUse(dir)).toEqual({ warnings: [], aside: [] });
  });

  test("of a dead sibling is set aside as well and costs its rows only", async () => {
    await using dir = await TempDir.create("journal");
    await using first = await JournalProcess.start(dir.path, [step("claim", "mine"), { do: "hold" }]);
    await using second = await JournalProcess.start(dir.path, [step("claim", "lost"), { do: "hold" }]);
    await Promise.all([first.kill(), second.kill()]);
    writeFileSync(second.opened.file, "garbage ".repeat(1_000));
    // From a sound write-ahead log SQLite would make a sound file again.
    rmSync(`${second.opened.file}-wal`);
    const log = recordLog();
    using state = openJournal(dir.path, "w", log);
    expect(state.journal.running().map(({ taskId }) => taskId)).toEqual(["mine"]);
    expect(log.said("warn")).toHaveLength(1);
  });
});

// Once a worker that came back after a week removed the very statuses that it had come for.
test("exit statuses of tasks that still run in the journal are kept, however old, and others go after a week", async () => {
  await using dir = await TempDir.create("journal");
  const names = ["wanted", "forgotten", "new"] as const;
  const task = ref("t");
  const file = (state: OpenJournal, name: string) => join(state.folders?.exitsDir ?? "", name);
  {
    using state = openJournal(dir.path, "w", recordLog());
    for (const name of names) writeFileSync(file(state, name), "0\n");
    const longAgo = Date.now() / 1_000 - 8 * 24 * 60 * 60;
    for (const name of names.slice(0, 2)) utimesSync(file(state, name), longAgo, longAgo);
    state.journal.claim(task, "claimed");
    state.journal.saveHandle(task, { exitFile: file(state, "wanted") });
  }
  using state = openJournal(dir.path, "w", recordLog());
  expect(names.map((name) => existsSync(file(state, name)))).toEqual([true, false, true]);
});

// Once: a NAS lays an index folder into every other one. A week later it was old enough to be removed, as a file, which
// failed, and the worker went on in memory without what its predecessor had been killed in.
test("what nobody can remove from among the exit statuses keeps no worker from its journal", async () => {
  await using dir = await TempDir.create("journal");
  const task = ref("t");
  {
    using state = openJournal(dir.path, "w", recordLog());
    const index = join(state.folders?.exitsDir ?? "", "@eaDir");
    await mkdir(index);
    utimesSync(index, 0, 0);
    state.journal.claim(task, "claimed");
  }
  const log = recordLog();
  using state = openJournal(dir.path, "w", log);
  expect([state.journal.durable, state.journal.running().length, log.said("warn")]).toEqual([true, 1, []]);
});

// Once it put the worker into memory for good, and what it had been killed in was never reported.
test("somebody who reads the journal at the start is waited for", async () => {
  await using dir = await TempDir.create("journal");
  await using killed = await JournalProcess.start(dir.path, [step("claim", "mine"), { do: "hold" }]);
  await killed.kill();
  const look =
    'const db = new (require("node:sqlite").DatabaseSync)(process.argv[1]); db.exec("BEGIN"); db.prepare("SELECT * FROM executions").all(); console.log("reading"); setTimeout(() => db.close(), 500);';
  const reader = Bun.spawn([process.execPath, "-e", look, killed.opened.file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await reader.stdout.getReader().read();
  const log = recordLog();
  using state = openJournal(dir.path, "w", log);
  expect([state.journal.running().map(({ taskId }) => taskId), log.said("warn")]).toEqual([["mine"], []]);
  await reader.exited;
});

describe("a state folder that cannot be used", () => {
  test.each([
    "a file",
    "below a file",
    "one where nothing can be made",
    "one with a folder for its database",
  ])("because it is %s: one warning with a hint, and the journal works in memory", async (what) => {
    await using dir = await TempDir.create("journal");
    const file = await dir.write("file", "");
    await mkdir(dir.join("w", "slot-0.db"), { recursive: true });
    const paths: Readonly<Record<string, string>> = {
      "a file": file,
      "below a file": join(file, "x"),
      "one where nothing can be made": "/proc/nothing",
    };
    const log = recordLog();
    using state = openJournal(paths[what] ?? dir.path, "w", log);
    state.journal.claim(ref("t"), "claimed");
    expect(state.journal.running()).toHaveLength(1);
    expect([state.journal.durable, state.folders]).toEqual([false, null]);
    expect(log.lines.map(({ level }) => level)).toEqual(["warn"]);
    expect(log.lines[0]?.fields["hint"]).toContain("--state-dir");
  });

  test("is left to whoever can: no slot of it is held", async () => {
    await using dir = await TempDir.create("journal");
    const file = dir.join("w", "slot-0.db");
    await mkdir(file, { recursive: true });
    using _inMemory = openJournal(dir.path, "w", recordLog());
    await rm(file, { recursive: true });
    const log = recordLog();
    using _onDisk = openJournal(dir.path, "w", log);
    expect(log.lines).toMatchObject([{ level: "debug", fields: { file } }]);
  });

  // Of a file that is another user's SQLite says "disk I/O error", and never which file it is.
  test.each(["slot-0.lock", "slot-0.db"])(
    "because %s cannot be opened: the warning names it",
    async (name) => {
      await using dir = await TempDir.create("journal");
      await mkdir(dir.join("w", name), { recursive: true });
      const log = recordLog();
      using _state = openJournal(dir.path, "w", log);
      expect(log.lines[0]?.fields["error"]).toContain(dir.join("w", name));
    },
  );
});

test("nobody else can read the state folder", async () => {
  await using dir = await TempDir.create("journal");
  using state = openJournal(dir.join("state"), "w", recordLog());
  const mode = (await Bun.file(dir.join("state", "w")).stat()).mode & 0o777;
  expect(mode).toBe(0o700);
  expect(existsSync(state.folders?.exitsDir ?? "")).toBe(true);
});
