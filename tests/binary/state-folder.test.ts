/** A journal that is damaged, cannot be made or cannot be written costs a warning, never a task. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { TempDir } from "../support/temp-dir.ts";
import { mountTmpfs } from "../support/tmpfs.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const warnings = (worker: WorkerProcess) =>
  worker.stderr.split("\n").filter((line) => / (?:WARN|ERROR) /.test(line));

describe("a damaged journal", () => {
  test.each(["not a database at all, but long enough to look like one ".repeat(200), "short"])(
    "is set aside with one warning, and the worker starts",
    async (content) => {
      await using site = await DirectSite.create();
      await site.dir.write("state/bar/slot-0.db", content);
      await using worker = await site.start();
      expect((await site.run(assignment())).state).toBe("completed");
      expect(warnings(worker)).toEqual([expect.stringMatching(/journal damaged: set aside/)]);
      const aside = readdirSync(site.dir.join("state/bar")).filter((name) => name.includes("damaged"));
      expect(await Bun.file(site.dir.join("state/bar", aside[0] ?? "")).text()).toBe(content);
    },
  );

  test("of a dead sibling is set aside too, and its own is kept", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const [run] = await site.hold(1);
    await first.stop("SIGKILL");
    await site.dir.write("state/bar/slot-7.db", "rubbish ".repeat(1_000));
    await using second = await site.start();
    expect(warnings(second)).toEqual([expect.stringMatching(/journal damaged/)]);
    run?.release();
    expect((await site.plane.waitForTask(run ? taskIdOf(run) : "")).state).toBe("completed");
  });

  test("with its middle overwritten does not keep the worker from starting", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    for (let count = 0; count < 30; count++) await site.run(assignment({ env: { AGENT_EXIT: "1" } }));
    await first.stop();
    const file = site.dir.join("state/bar/slot-0.db");
    const bytes = new Uint8Array(await Bun.file(file).arrayBuffer());
    bytes.fill(0xa5, 4096, 4096 + 2000);
    writeFileSync(file, bytes);
    await using second = await site.start();
    expect((await site.run(assignment())).state).toBe("completed");
    expect(second.running).toBe(true);
  });
});

describe("a state folder that cannot be used", () => {
  // Where everyone may write everything, as root may, only such a place is read-only.
  test.each(["/proc/oz-state", "/dev/null", "/dev/null/below"])(
    "%s costs one warning, and tasks run",
    async (stateDir) => {
      await using site = await DirectSite.create();
      await using worker = await site.start({ flags: ["--state-dir", stateDir] });
      const runs = await site.hold(2, { AGENT_EXIT: "3" });
      runs[0]?.release();
      await site.plane.waitForTask(runs[0] ? taskIdOf(runs[0]) : "");
      expect(await worker.stop()).toBe(0);
      const reasons = runs.map((run) => site.plane.task(taskIdOf(run))?.failureReason);
      expect(reasons).toEqual(["agent_invocation", "graceful_shutdown"]);
      const about = warnings(worker).filter((line) => !line.includes("task failed"));
      expect(about).toEqual([expect.stringMatching(/state folder cannot be used.*state_dir/)]);
    },
  );

  test("still lets the same assignment run only once, and takes its tasks along when it is killed", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: ["--state-dir", "/dev/null"] });
    const task = assignment();
    await site.run(task);
    site.plane.faults.send("task_assignment", task);
    await site.plane.waitForFrame(() => site.terminals(task.task_id).length === 2);
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
    const runs = await site.hold(2);
    await worker.stop("SIGKILL");
    // Nobody could ever find them again.
    await site.gone(...runs);
  });
});

test("the state folder may be removed under the worker", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  const [run] = await site.hold(1);
  rmSync(site.stateDir, { recursive: true });
  expect((await site.run(assignment())).state).toBe("completed");
  run?.release();
  await site.plane.waitForAllTasks();
  expect(await worker.stop()).toBe(0);
});

// Once: it went on into files that no longer had a name, without a word, and a crash then lost every task.
test("a state folder that was removed is made again, and a killed worker's tasks are reported by the next", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  const [early] = await site.hold(1, { AGENT_EXIT: "4" });
  rmSync(site.stateDir, { recursive: true });
  // The next claim that comes a second after the last look finds it out.
  await eventually(
    async () => {
      await site.run(assignment());
      return /journal is on disk again/.test(worker.stderr);
    },
    "the journal to be made again",
    { intervalMs: 200 },
  );
  const [late] = await site.hold(1, { AGENT_EXIT: "5" });
  await worker.stop("SIGKILL");
  await using _next = await site.start();
  early?.release();
  late?.release();
  const ends = [early, late].map((run) => site.plane.waitForTask(run ? taskIdOf(run) : ""));
  expect((await Promise.all(ends)).map(({ exitCode }) => exitCode)).toEqual([4, 5]);
});

const root = process.getuid?.() === 0;
if (!root) process.stderr.write("tests/binary/state-folder: a full disk needs root to make one, skipped\n");

describe.skipIf(!root)("a full disk", () => {
  test("at the start costs a warning: the task still runs and is reported", async () => {
    await using dir = await TempDir.create("full");
    await using disk = await mountTmpfs(dir, "disk", 64 * 1024);
    disk.fill();
    await using site = await DirectSite.create();
    await using worker = await site.start({ stateDir: disk.path });
    expect((await site.run(assignment({ env: { AGENT_EXIT: "3" } }))).exitCode).toBe(3);
    expect((await site.run(assignment())).state).toBe("completed");
    expect(warnings(worker)[0]).toMatch(/state folder cannot be used|journal cannot be written/);
    expect(await worker.stop()).toBe(0);
  });

  // Once: the shim could not write the status down, and a task that had ended well was reported as failed.
  test("in which a killed worker's tasks end keeps their statuses for the next", async () => {
    await using site = await DirectSite.create();
    await using dir = await TempDir.create("small-disk");
    await using disk = await mountTmpfs(dir, "disk", 1024 * 1024);
    await using killed = await site.start({ stateDir: disk.path });
    const runs = await site.hold(2, { AGENT_EXIT: "7" });
    disk.fill();
    killed.kill("SIGKILL");
    await killed.exited;
    for (const run of runs) run.release();
    await site.gone(...runs);
    const exits = join(disk.path, "bar/exits");
    await eventually(
      () => readdirSync(exits).filter((name) => !name.endsWith(".new")).length === 2,
      "the statuses",
    );
    disk.free();
    await using _next = await site.start({ stateDir: disk.path });
    for (const run of runs) {
      expect(await site.plane.waitForTask(taskIdOf(run))).toMatchObject({ state: "failed", exitCode: 7 });
    }
  });

  // Once: its exit status was thrown away, and the next worker, to which the task still ran, reported it as failed.
  test("in which a task ends while its worker lives keeps its end from being told otherwise when that is killed", async () => {
    await using site = await DirectSite.create();
    await using dir = await TempDir.create("small-disk");
    await using disk = await mountTmpfs(dir, "disk", 1024 * 1024);
    await using killed = await site.start({ stateDir: disk.path });
    const [run] = await site.hold(1);
    const taskId = run === undefined ? "" : taskIdOf(run);
    disk.fill();
    while (!/going on in memory/.test(killed.stderr)) await site.run(assignment());
    run?.release();
    expect((await site.plane.waitForTask(taskId)).state).toBe("completed");
    // Its start tells the shim what need not be kept any longer.
    await site.run(assignment());
    await killed.stop("SIGKILL");
    disk.free();
    await using _next = await site.start({ stateDir: disk.path });
    await eventually(() => site.terminals(taskId).length === 2, "the end to be told again");
    expect(site.terminals(taskId).map(({ type }) => type)).toEqual(["task_completed", "task_completed"]);
  });

  // Once: an empty file stayed behind in `claims` for each task that ran meanwhile, and nobody ever removed them.
  test("gets no files of tasks that could not be noted down there", async () => {
    await using dir = await TempDir.create("full");
    await using disk = await mountTmpfs(dir, "disk", 1024 * 1024);
    await using site = await DirectSite.create();
    await using _worker = await site.start({ stateDir: disk.path });
    disk.fill();
    for (let count = 0; count < 3; count++) expect((await site.run(assignment())).state).toBe("completed");
    await eventually(
      () => readdirSync(join(disk.path, "bar/claims")).length === 0,
      "the last claim to be let go of",
    );
  });

  test("that fills up under running tasks loses none of them, and is used again when there is room", async () => {
    await using dir = await TempDir.create("full");
    await using disk = await mountTmpfs(dir, "disk", 1024 * 1024);
    await using site = await DirectSite.create();
    await using worker = await site.start({ stateDir: disk.path });
    const [before] = await site.hold(1, { AGENT_EXIT: "5" });
    disk.fill();
    for (let count = 0; count < 12; count++) await site.run(assignment());
    before?.release();
    const first = await site.plane.waitForTask(before ? taskIdOf(before) : "");
    expect([first.exitCode, first.terminals]).toEqual([5, 1]);
    expect(site.plane.tasks().every(({ terminals }) => terminals === 1)).toBe(true);
    expect(warnings(worker).filter((line) => /journal/.test(line))).toEqual([
      expect.stringMatching(/journal cannot be written: going on in memory/),
    ]);
    disk.free();
    await worker.waitForLog(/journal is on disk again/, 20_000);
    const [after] = await site.hold(1, { AGENT_EXIT: "6" });
    await worker.stop("SIGKILL");
    await using _next = await site.start({ stateDir: disk.path });
    after?.release();
    const last = await site.plane.waitForTask(after ? taskIdOf(after) : "");
    expect([last.exitCode, last.terminals]).toEqual([6, 1]);
    expect(existsSync(disk.path)).toBe(true);
  });
});
