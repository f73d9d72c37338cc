/** What the journal keeps of a Direct task with its claim: a worker that is killed right behind it has made nothing yet. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { never } from "../../src/async/wait.ts";
import type { Handle } from "../../src/journal/execution.ts";
import type { RunContext } from "../../src/task/backend.ts";
import { directBackend } from "../support/direct-backend.ts";
import { TempDir } from "../support/temp-dir.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";
import { sampleAssignment } from "../unit/task/sample-assignment.ts";

const assignment = sampleAssignment({ snapshot: { harness: "claude" } });
const spec = { assignment, argv: ["agent", "run"], environment: { TASK_ID: "t-1" } };
const ref = { taskId: "t-1", executionId: "exec-t-1" };

async function rig(hooks: { readonly setupCommand?: string } = {}) {
  const dir = await TempDir.create("planned");
  const log = recordLog();
  const ozPath = await dir.write("agent", "#!/bin/sh\npwd >../../ran-in\n", 0o755);
  const backend = await directBackend({ dir, ozPath, log, ...hooks });
  const saved: Handle[] = [];
  const context: RunContext = {
    signal: never(),
    hurry: never(),
    log,
    saveHandle: (handle) => void saved.push(handle),
    step: (_name, work) => work(),
  };
  return {
    backend,
    saved,
    context,
    workspaces: dir.join("ws"),
    reserve: (taskId = assignment.taskId) => {
      const reservation = backend.reserve({ ...assignment, taskId });
      if (reservation === null) throw new Error("Another worker has it");
      return reservation;
    },
    ran: () => existsSync(dir.join("ran-in")),
    async [Symbol.asyncDispose]() {
      await backend[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test("a task that runs as it was planned is written down once, with its claim", async () => {
  await using direct = await rig();
  const { planned } = direct.reserve();
  expect(planned).toMatchObject({ dir: join(direct.workspaces, "t-1"), made: true, harness: "claude" });
  expect(readdirSync(direct.workspaces)).toEqual([]);
  await direct.backend.run(spec, { ...direct.context, ...(planned === null ? {} : { planned }) });
  expect({ ran: direct.ran(), saved: direct.saved.filter(({ pid }) => pid === null) }).toEqual({
    ran: true,
    saved: [],
  });
  expect(readdirSync(direct.workspaces)).toEqual([]);
});

test("a folder that somebody makes after the plan is theirs, and stays", async () => {
  await using direct = await rig();
  const { planned } = direct.reserve();
  const theirs = join(direct.workspaces, "t-1");
  mkdirSync(theirs);
  writeFileSync(join(theirs, "notes"), "theirs");
  await direct.backend.run(spec, { ...direct.context, ...(planned === null ? {} : { planned }) });
  expect(direct.saved[0]).toMatchObject({ dir: theirs, made: false });
  expect(readdirSync(theirs)).toContain("notes");
});

test("a worker that is killed behind its claim leaves a task that is safe to retry, and no folder", async () => {
  await using direct = await rig();
  const { planned } = direct.reserve();
  await expect(direct.backend.resume(ref, planned, direct.context)).rejects.toThrow("safe to retry");
  expect({ ran: direct.ran(), left: readdirSync(direct.workspaces) }).toEqual({ ran: false, left: [] });
});

// Its name was one of chance, which was known once it was made: a worker that was killed right then left it for good.
test("the private folder of a task with hooks is planned, made as it was planned, and removed after a kill", async () => {
  await using direct = await rig({ setupCommand: "true" });
  const { planned } = direct.reserve();
  const scratch = String(planned?.["scratchDir"]);
  expect(existsSync(scratch)).toBe(false);
  mkdirSync(scratch);
  mkdirSync(join(direct.workspaces, "t-1"));
  await expect(direct.backend.resume(ref, planned, direct.context)).rejects.toThrow("safe to retry");
  expect([existsSync(scratch), readdirSync(direct.workspaces)]).toEqual([false, []]);
  await direct.backend.run(spec, { ...direct.context, ...(planned === null ? {} : { planned }) });
  expect(direct.saved[0]).toMatchObject({ begun: true, scratchDir: scratch });
});

test("nothing is planned of a task with an id that names no folder", async () => {
  await using direct = await rig();
  expect(direct.reserve("../t-1").planned).toBeNull();
});

// Until setup is over a killed worker's task has no agent to be looked for, and from then on it may have one.
test("that setup is over is written down before the agent is asked for", async () => {
  await using direct = await rig({ setupCommand: "[ ! -e ../../ran-in ]" });
  await direct.backend.run(spec, direct.context);
  expect(direct.ran()).toBe(true);
  expect(direct.saved.slice(0, 2)).toMatchObject([
    { begun: false, stopping: false, pid: null },
    { begun: true, stopping: false, pid: null },
  ]);
});
