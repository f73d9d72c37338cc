/** The process table, on real processes. */
import { describe, expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import { copyFileSync } from "node:fs";
import { birthmarkOf } from "../../src/process/birthmark.ts";
import {
  identify,
  isAlive,
  listProcesses,
  NO_GROUP,
  parseStat,
  readBootId,
  readEnvironment,
  readProcess,
} from "../../src/process/process-table.ts";
import { NO_MARK, Surveyor } from "../../src/process/stragglers.ts";
import { RLIMIT_LOCKS } from "../../src/runtime/limit-scope.ts";
import { openSoftLimits } from "../../src/runtime/soft-limits.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import { Spawned } from "../unit/process/spawned.ts";

const start = (argv: string[], env: Record<string, string> = {}) =>
  Bun.spawn(argv, {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
  });

describe("a process that cannot be read for want of a descriptor", () => {
  function outOfDescriptors(pid: number): Disposable {
    const read = fs.readFileSync;
    return spyOn(fs, "readFileSync").mockImplementation(((...args: Parameters<typeof read>) => {
      if (args[0] !== `/proc/${pid}/stat`) return read(...args);
      throw Object.assign(new Error("file table overflow"), { code: "ENFILE" });
    }) as typeof read);
  }

  // It counted as gone, and whoever was to end it was told that nothing was left.
  test("is not left out of the list", () => {
    using _none = outOfDescriptors(process.pid);
    expect(() => listProcesses()).toThrow("file table overflow");
  });

  // An agent whose shim was lost was taken for dead in that moment, and killed in the middle of its work.
  test("counts as alive as long as something has its pid", async () => {
    const agent = start(["sleep", "300"]);
    const identity = identify(agent.pid);
    if (identity === null) throw new Error("it has just been started");
    using _none = outOfDescriptors(agent.pid);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, bootId: "another" })).toBe(false);
    agent.kill("SIGKILL");
    await agent.exited;
    expect(isAlive(identity)).toBe(false);
  });
});

describe("a process", () => {
  test("is described by pid, parent, group and start", async () => {
    using spawned = new Spawned();
    const child = start(["/bin/sleep", "100"]);
    const identity = spawned.add(identify(child.pid));
    const entry = readProcess(child.pid);
    expect(entry).toEqual({
      pid: child.pid,
      parentPid: process.pid,
      groupId: child.pid,
      state: expect.stringMatching(/^[RSD]$/),
      zombie: false,
      startedAt: identity?.startedAt ?? "",
    });
    expect(entry?.startedAt).toMatch(/^\d+$/);
    expect(listProcesses().find(({ pid }) => pid === child.pid)?.startedAt).toBe(identity?.startedAt ?? "");
  });

  test.each([["a) b (c"], [") Z 1 1"], ["((("], ["a b  c"], ["tab\tname"], ["line\nbreak"]])(
    "named %j is read right",
    async (name) => {
      await using dir = await TempDir.create("table");
      using spawned = new Spawned();
      copyFileSync("/bin/sleep", dir.join(name));
      const child = start([dir.join(name), "100"]);
      spawned.add(identify(child.pid));
      await eventually(() => readEnvironment(child.pid)?.includes("PATH="), "the program to be started");
      expect(readProcess(child.pid)).toMatchObject({
        pid: child.pid,
        parentPid: process.pid,
        groupId: child.pid,
        zombie: false,
      });
    },
  );

  test("is alive by pid, start and boot together", async () => {
    using spawned = new Spawned();
    const child = start(["/bin/sleep", "100"]);
    const identity = spawned.add(identify(child.pid));
    if (identity === null) throw new Error("it is not there");
    expect(identity.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startedAt: `${Number(identity.startedAt) + 1}` })).toBe(false);
    expect(isAlive({ ...identity, startedAt: "" })).toBe(false);
    expect(isAlive({ ...identity, bootId: "another" })).toBe(false);
    // Noted by a worker that could not read it.
    expect(isAlive({ ...identity, bootId: "" })).toBe(true);
    expect(isAlive({ ...identity, pid: process.pid })).toBe(false);
    child.kill("SIGKILL");
    await child.exited;
    expect(isAlive(identity)).toBe(false);
    expect(identify(child.pid)).toBeNull();
  });

  test("that has ended and whose parent does not ask is dead", async () => {
    await using dir = await TempDir.create("table");
    using spawned = new Spawned();
    // The shell becomes a sleep, which never asks for the child that the shell had started.
    const script = 'sleep 100 & echo $! >"$0"; exec sleep 1000';
    const parent = start(["/bin/sh", "-c", script, dir.join("pid")]);
    spawned.add(identify(parent.pid));
    const pid = await eventually(
      // The shell makes the file before it writes into it.
      async () => Number(await Bun.file(dir.join("pid")).text()) || undefined,
      "the child's pid",
    );
    const identity = identify(pid);
    if (identity === null) throw new Error("it is not there");
    await eventually(
      () =>
        Bun.file(`/proc/${parent.pid}/comm`)
          .text()
          .then((name) => name === "sleep\n"),
      "the exec",
    );
    process.kill(pid, "SIGKILL");
    await eventually(() => readProcess(pid)?.zombie, "the zombie");
    expect([isAlive(identity), identify(pid)]).toEqual([false, null]);
  });

  // Once a process whose first thread had ended counted as dead while its others worked.
  test.each([
    ["S", 1, false],
    ["Z", 1, true],
    ["Z", 3, false],
    ["X", 1, true],
  ])("in state %s with %d threads is a zombie: %p", (state, threads, zombie) => {
    const stat = `7 (a) b (c) ${state} 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 ${threads} 0 12345 0`;
    expect(parseStat(stat)).toEqual({ pid: 7, parentPid: 1, groupId: 7, state, zombie, startedAt: "12345" });
  });

  test.each([2 ** 30, 0, -1])("that is not there, %p, is null", (pid) => {
    expect([readProcess(pid), identify(pid), readEnvironment(pid)]).toEqual([null, null, null]);
  });
});

test("the boot has an id, the same each time", () => {
  expect(readBootId()).toBe(readBootId());
  expect(readBootId()).not.toBe("");
});

describe("a survey", () => {
  const NAME = "TEST_MARK";

  test("finds the group's processes and those that carry the whole mark, and no others", async () => {
    using spawned = new Spawned();
    const mark = `/ws/${crypto.randomUUID()}`;
    const begin = (env: Record<string, string>) => {
      const child = start(["/bin/sleep", "100"], env);
      spawned.add(identify(child.pid));
      return child.pid;
    };
    const inGroup = begin({});
    const marked = begin({ [NAME]: mark });
    const others = [
      begin({ [NAME]: `${mark}2` }),
      begin({ [`X${NAME}`]: mark }),
      begin({ OTHER: `${NAME}=${mark}` }),
      begin({ [NAME]: "" }),
    ];
    const second = begin({ OTHER: `${NAME}=x`, [NAME]: mark });
    // A child has its parent's environment until its program is started.
    for (const pid of [inGroup, marked, ...others, second])
      await eventually(
        () =>
          Bun.file(`/proc/${pid}/comm`)
            .text()
            .then((name) => name === "sleep\n"),
        "the start",
      );
    const found = (await new Surveyor([NAME]).survey()).membersOf(inGroup, `${NAME}=${mark}`);
    expect(found.map(({ pid }) => pid).toSorted()).toEqual([inGroup, marked, second].toSorted());
  });

  // Of the Command backend's processes none has one, and each look asked every process of the host for it.
  test("asks for birthmarks only where there are some", async () => {
    using spawned = new Spawned();
    const mark = `${NAME}=/ws/${crypto.randomUUID()}`;
    const limited = openSoftLimits()?.(RLIMIT_LOCKS);
    const born = limited?.(birthmarkOf(mark), () => start(["/bin/sleep", "100"], {}))?.pid ?? -1;
    spawned.add(identify(born));
    const found = async (birthmarks: boolean) =>
      (await new Surveyor([NAME], { birthmarks }).survey()).membersOf(NO_GROUP, mark).map(({ pid }) => pid);
    expect([await found(true), await found(false)]).toEqual([[born], []]);
  });

  test("is one look at the table for all who ask in the same moment, and a new one for who asks later", async () => {
    const surveyor = new Surveyor([NAME]);
    const [one, two] = [surveyor.survey(), surveyor.survey()];
    expect(one).toBe(two);
    await one;
    expect(surveyor.survey()).not.toBe(one);
  });
});

// Each process had the mark of no names at all, which was NO_MARK: a stop of one group asked all of the machine to end.
test("a look for no names finds nothing by a mark", async () => {
  expect((await new Surveyor([]).survey()).membersOf(NO_GROUP, NO_MARK)).toEqual([]);
});
