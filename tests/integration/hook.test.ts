/** A hook under the real shim. What it is to a task, and how it is stopped, is in tests/binary. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { never } from "../../src/async/wait.ts";
import { HOOK_MARK_NAME } from "../../src/backends/direct/environment.ts";
import { runHook } from "../../src/backends/direct/hook.ts";
import { identify, isAlive, readProcess } from "../../src/process/process-table.ts";
import { ShimClient } from "../../src/process/shim/client.ts";
import { Surveyor } from "../../src/process/stragglers.ts";
import type { Command } from "../../src/runtime/spawn.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { SHIM_COMMAND } from "../unit/process/shim-daemon.ts";
import { Spawned } from "../unit/process/spawned.ts";

test("a hook whose shim is killed while it runs is ended, and counts as killed", async () => {
  await using dir = await TempDir.create("hook");
  using spawned = new Spawned();
  using shim = new ShimClient({ command: SHIM_COMMAND, openFiles: 1024 });
  const tools = {
    shim,
    surveyor: new Surveyor([HOOK_MARK_NAME]),
    graceMs: 10_000,
    kept: (command: Command) => command,
  };
  const command = "echo $$ >pid.new; mv pid.new pid; exec sleep 1000";
  const hook = { command, cwd: dir.path, env: { PATH: "/usr/bin:/bin" } };
  const running = runHook(hook, tools, never(), never());
  const pid = Number(await eventually(() => readFileSync(dir.join("pid"), "utf8"), "its start"));
  const found = spawned.add(identify(pid));
  const shimPid = readProcess(pid)?.parentPid ?? 0;
  // Nothing else may be hit by what follows.
  if (shimPid <= 1 || shimPid === process.pid) throw new Error("no shim");
  process.kill(shimPid, "SIGKILL");
  expect(await within(running, "its end")).toBe(137);
  expect(found !== null && isAlive(found)).toBe(false);
});
