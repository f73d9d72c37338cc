/** What a shim does when its daemon is gone. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { identify, isAlive, type ProcessIdentity, readProcess } from "../../src/process/process-table.ts";
import { ShimClient } from "../../src/process/shim/client.ts";
import { readExitFile, writeExitFile } from "../../src/process/shim/exit-file.ts";
import type { SpawnRequest } from "../../src/process/shim/protocol.ts";
import { searchWard } from "../../src/process/shim/ward.ts";
import { Surveyor } from "../../src/process/stragglers.ts";
import { spawnTalking } from "../../src/runtime/spawn.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import { type Request, SHIM_COMMAND } from "../unit/process/shim-daemon.ts";
import { Spawned } from "../unit/process/spawned.ts";

const DAEMON = new URL("../unit/process/shim-daemon.ts", import.meta.url).pathname;
const SLEEP = ["/bin/sh", "-c", "exec sleep 1000"];

/** A daemon with these processes under its shim, already killed by SIGKILL. */
async function killedDaemon(
  requests: readonly Request[],
): Promise<{ processes: ProcessIdentity[]; shim: ProcessIdentity }> {
  const daemon = Bun.spawn([process.execPath, DAEMON, JSON.stringify(requests)], {
    env: {},
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: Readable.from(daemon.stdout) })[Symbol.asyncIterator]();
  const processes: ProcessIdentity[] = [];
  for (const _ of requests) processes.push(JSON.parse(String((await lines.next()).value)));
  const shim = identify(readProcess(processes[0]?.pid ?? 0)?.parentPid ?? 0);
  daemon.kill("SIGKILL");
  await daemon.exited;
  if (shim === null) throw new Error("no shim");
  return { processes, shim };
}

const gone = (identity: ProcessIdentity, what: string) => eventually(() => !isAlive(identity), what);

describe("after SIGKILL of the daemon", () => {
  test("a process goes on, and its status is on disk when it ends; then the shim ends", async () => {
    await using dir = await TempDir.create("orphan");
    using spawned = new Spawned();
    const { processes, shim } = await killedDaemon([
      { argv: SLEEP, exitFile: dir.join("a") },
      { argv: SLEEP, exitFile: dir.join("b") },
    ]);
    const [a, b] = processes.map((identity) => spawned.add(identity));
    if (a === undefined || b === undefined) throw new Error("not started");
    expect([isAlive(a), isAlive(b), isAlive(shim), existsSync(dir.join("a"))]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    process.kill(a.pid, "SIGTERM");
    expect(await eventually(() => readExitFile(dir.join("a"))?.status, "the status")).toBe(143);
    expect(isAlive(shim)).toBe(true);
    process.kill(b.pid, "SIGKILL");
    expect(await eventually(() => readExitFile(dir.join("b"))?.status, "the status")).toBe(137);
    await gone(shim, "the shim's end");
    expect(readdirSync(dir.path).toSorted()).toEqual(["a", "b"]);
  });

  test("a process that it never heard of is found by its mark, and its end is known", async () => {
    await using dir = await TempDir.create("orphan");
    using spawned = new Spawned();
    const { processes } = await killedDaemon([
      { argv: ["/bin/sh", "-c", "sleep 1000 & wait"], exitFile: dir.join("a"), env: { MARK: dir.path } },
    ]);
    const [agent] = processes.map((identity) => spawned.add(identity));
    const ward = await searchWard(`MARK=${dir.path}`, dir.join("a"), new Surveyor(["MARK"]));
    if (agent === undefined || typeof ward === "string") throw new Error("not found");
    expect(ward.identity).toEqual(agent);
    process.kill(-agent.pid, "SIGTERM");
    expect(await ward.exited).toMatchObject({ kind: "exited", status: 143 });
  });

  test("one that ended before it was looked for left its status, and one that was never there nothing", async () => {
    await using dir = await TempDir.create("orphan");
    using spawned = new Spawned();
    const { processes } = await killedDaemon([{ argv: SLEEP, exitFile: dir.join("a") }]);
    process.kill(spawned.add(processes[0] ?? null)?.pid ?? 0, "SIGKILL");
    await eventually(() => readExitFile(dir.join("a"))?.status, "the status");
    const surveyor = new Surveyor(["MARK"]);
    const ended = await searchWard(`MARK=${dir.path}`, dir.join("a"), surveyor);
    if (typeof ended === "string") throw new Error("not found");
    expect(await ended.exited).toMatchObject({ kind: "exited", status: 137 });
    expect(await searchWard(`MARK=${dir.path}`, dir.join("b"), surveyor)).toBe("unheard");
  });

  test("a process that was to end with it is killed with its whole group, and the others are not", async () => {
    await using dir = await TempDir.create("orphan");
    using spawned = new Spawned();
    const { processes, shim } = await killedDaemon([
      {
        argv: ["/bin/sh", "-c", `trap '' TERM; sleep 1000 & echo $! >${dir.join("pid")}; wait`],
        exitFile: null,
      },
      { argv: SLEEP, exitFile: dir.join("kept") },
    ]);
    const [tied, kept] = processes.map((identity) => spawned.add(identity));
    if (tied === undefined || kept === undefined) throw new Error("not started");
    await gone(tied, "the end of the tied process");
    const child = Number(
      await eventually(() => Bun.file(dir.join("pid")).text(), "the child's pid").catch(() => "0"),
    );
    if (child > 0) await eventually(() => identify(child) === null, "the end of its child");
    expect([isAlive(kept), isAlive(shim)]).toEqual([true, true]);
    process.kill(kept.pid, "SIGKILL");
    await gone(shim, "the shim's end");
  });

  test("a status that nobody had acknowledged is on disk although the process had ended before", async () => {
    await using dir = await TempDir.create("orphan");
    const client = new ShimClient({ command: SHIM_COMMAND, openFiles: 1024 });
    const start = (name: string) =>
      client.spawn({ argv: ["/bin/sh", "-c", "exit 7"], cwd: "/", env: {} }, dir.join(name));
    const [kept, known] = await Promise.all([start("kept"), start("known")]);
    await Promise.all([kept.exited, known.exited]);
    known.acknowledge();
    client[Symbol.dispose]();
    expect(await eventually(() => readExitFile(dir.join("kept"))?.status, "the status")).toBe(7);
    expect(existsSync(dir.join("known"))).toBe(false);
  });

  // A file in the place of the folder, for root may write what is read-only; and a way that leads nowhere, as to a folder
  // that may not be entered or whose server is away. Behind a link, which can be changed at once: between the two the
  // shim would find nothing there, which is a folder that is gone.
  test.each([
    ["written", "in-the-way"],
    ["looked at", "exits"],
  ])("a folder that cannot be %s gets the status once it can", async (_what, target) => {
    await using dir = await TempDir.create("orphan");
    using spawned = new Spawned();
    const file = dir.join("exits", "status");
    await dir.write("in-the-way", "");
    symlinkSync(dir.join(target), dir.join("exits"));
    const { processes, shim } = await killedDaemon([{ argv: SLEEP, exitFile: file }]);
    const [only] = processes.map((identity) => spawned.add(identity));
    process.kill(only?.pid ?? 0, "SIGTERM");
    await eventually(() => identify(only?.pid ?? 0) === null, "the end");
    symlinkSync(await dir.mkdir("folder"), dir.join("next"));
    renameSync(dir.join("next"), dir.join("exits"));
    expect(await eventually(() => readExitFile(file)?.status, "the status")).toBe(143);
    await gone(shim, "the shim's end");
  });

  test("a folder for the status that is gone does not keep the shim", async () => {
    await using dir = await TempDir.create("orphan");
    using spawned = new Spawned();
    const { processes, shim } = await killedDaemon([
      { argv: SLEEP, exitFile: dir.join("no", "such", "folder") },
    ]);
    const [only] = processes.map((identity) => spawned.add(identity));
    process.kill(only?.pid ?? 0, "SIGKILL");
    await gone(shim, "the shim's end");
  });
});

// Its request lay in the channel, and the shim took whoever was its parent by then for the daemon: the agent began
// after the next daemon had told that it was never started, and is safe to retry.
test("what a daemon had asked for that died before the shim came up is not started", async () => {
  await using dir = await TempDir.create("orphan");
  const answered = Promise.withResolvers<unknown>();
  const shim = spawnTalking({ argv: SHIM_COMMAND, cwd: "/", env: {} }, answered.resolve);
  const ask = (id: number, daemonPid: number) => {
    const command = { argv: ["/bin/sh", "-c", `echo >${id}`], cwd: dir.path, env: {} };
    const kept = { exitFile: dir.join(`status-${id}`), openFiles: 1024, settled: [] };
    shim.send({ op: "spawn", id, daemonPid, command, ...kept } satisfies SpawnRequest);
  };
  const pidOfTheDead = 0;
  ask(1, pidOfTheDead);
  ask(2, process.pid);
  expect(await answered.promise).toMatchObject({ id: 2 });
  shim.disconnect();
  await shim.exited;
  expect(readdirSync(dir.path).toSorted()).toEqual(["2", "status-1", "status-2"]);
  // So that the next daemon can say so, and need not think that the shim was killed.
  const search = () => searchWard(`MARK=${dir.path}`, dir.join("status-1"), new Surveyor(["MARK"]));
  expect(await search()).toBe("never-begun");
  expect(readdirSync(dir.path).toSorted()).toEqual(["2", "status-2"]);
});

test("a shim that is started by hand has nothing to do and ends", async () => {
  const child = Bun.spawn([...SHIM_COMMAND], { env: {}, stdio: ["ignore", "ignore", "ignore"] });
  expect(await child.exited).toBe(0);
});

// Once: on a full disk the next daemon read the status and removed it before it had its time, which failed then; so the
// shim wrote it again a second later, for nobody, and it stayed for a week.
test("a status that is read and removed at once counts as written", async () => {
  await using dir = await TempDir.create("orphan");
  const file = dir.join("status");
  mkdirSync(`${file}.new`); // As on a full disk: no file can be written.
  const remove = `const { unlinkSync } = require("node:fs"); console.log("ready");
    for (;;) try { unlinkSync(process.argv[1]); } catch {}`;
  await using reader = Bun.spawn([process.execPath, "-e", remove, file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await reader.stdout.getReader().read();
  for (let turn = 0; turn < 5_000; turn++) writeExitFile(file, { status: 0, at: turn });
});
