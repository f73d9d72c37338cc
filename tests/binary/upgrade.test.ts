/** Tasks that run under one version are taken up by the next, and after a roll-back by the one before. */
import { expect, test } from "bun:test";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { identify } from "../../src/process/process-table.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import type { TempDir } from "../support/temp-dir.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** The program as it may be one day: its own sources, with a journal of another format. */
function nextVersion(dir: TempDir): readonly string[] {
  for (const name of ["src", "package.json", "tsconfig.json"]) {
    cpSync(resolve(ROOT, name), dir.join("next", name), { recursive: true });
  }
  symlinkSync(resolve(ROOT, "node_modules"), dir.join("next", "node_modules"));
  const file = dir.join("next/src/journal/schema.ts");
  const text = readFileSync(file, "utf8");
  const changed = text
    .replace("SCHEMA_VERSION = 2;", "SCHEMA_VERSION = 3;")
    .replace("frame TEXT NOT NULL\n", "frame TEXT NOT NULL, urgent INTEGER\n")
    .replace("CREATE TABLE IF NOT EXISTS outbox", "CREATE TABLE IF NOT EXISTS notes (x); $&");
  expect(changed.length).toBeGreaterThan(text.length + 40);
  writeFileSync(file, changed);
  return [process.execPath, dir.join("next/src/main.ts")];
}

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  expect(await worker.exited).toBe(137);
}

function formatOf(site: DirectSite): unknown {
  using database = new DatabaseSync(site.dir.join("state/bar/slot-0.db"));
  return Object.values(database.prepare("PRAGMA user_version").get() ?? {})[0];
}

test("upgrade, roll-back and upgrade again lose no task and no result", async () => {
  await using site = await DirectSite.create();
  const next = nextVersion(site.dir);
  const formats: unknown[] = [];
  await using first = await site.start();
  const runs = await site.hold(4, { AGENT_EXIT: "7" });
  await killHard(first);
  formats.push(formatOf(site));
  for (const [at, command] of [next, undefined, next].entries()) {
    await using worker = await site.start(command === undefined ? {} : { command });
    const run = runs[at];
    if (run === undefined) throw new Error("four tasks were asked for");
    run.release();
    await site.plane.waitForTask(taskIdOf(run));
    // What ends now is known to nobody before the next version starts, or was noted and not sent.
    await killHard(worker);
    formats.push(formatOf(site));
  }
  await using _last = await site.start();
  runs.at(-1)?.release();
  await site.plane.waitForAllTasks();
  expect(formats).toEqual([2, 3, 2, 3]);
  for (const run of runs) {
    const { state, failureReason, exitCode } = await site.plane.waitForTask(taskIdOf(run));
    expect([state, failureReason, exitCode]).toEqual(["failed", "agent_invocation", 7]);
    expect(site.agent.runs(taskIdOf(run))).toHaveLength(1);
  }
}, 60_000);

test("an agent of a version whose handles had fewer fields, and more, is still waited for", async () => {
  await using site = await DirectSite.create();
  await using first = await site.start();
  const [run] = await site.hold(1, { AGENT_EXIT: "7" });
  if (run === undefined) throw new Error("one task was asked for");
  // As the worker saves it once it hears of its agent's start, which it may be killed before: without `begun`, that
  // alone says that there is one.
  const agent = identify(run.processes[0]?.pid ?? 0);
  if (agent === null) throw new Error("the agent waits to be let go of");
  await killHard(first);
  {
    using database = new DatabaseSync(site.dir.join("state/bar/slot-0.db"));
    const known = "json_patch(json_remove(handle, '$.begun'), ?)";
    const changed = database
      .prepare(`UPDATE executions SET handle = json_set(${known}, '$.more', json('[1]'))`)
      .run(JSON.stringify(agent));
    expect(Number(changed.changes)).toBe(1);
  }
  await using second = await site.start();
  await second.waitForLog(/task taken over/);
  run.release();
  const { failureReason, exitCode } = await site.plane.waitForTask(taskIdOf(run));
  expect([failureReason, exitCode]).toEqual(["agent_invocation", 7]);
});
