/** What goes with a task, and what stays; that its report does not wait for what can be removed later. */
import { describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Discards } from "../../../../src/backends/direct/discards.ts";
import { leaveWorkspace } from "../../../../src/backends/direct/leave-workspace.ts";
import { openWorkspace, type Workspace } from "../../../../src/backends/direct/workspace.ts";
import type { StepName } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { within } from "../../../support/wait.ts";
import { recordLog } from "../../logging/recorded-log.ts";

/** `discardsIn`: a folder's name; left out: nothing can be moved. */
async function rig({ discardsIn }: { discardsIn?: string } = {}) {
  const dir = await TempDir.create("ws");
  const root = await dir.mkdir("ws");
  const discards = new Discards(() => (discardsIn === undefined ? null : dir.join(discardsIn)));
  const log = recordLog();
  const steps: Promise<unknown>[] = [];
  const lingering: Promise<void>[] = [];
  const step = <T>(_name: StepName, work: () => Promise<T>): Promise<T> => {
    const done = work();
    steps.push(done);
    return done;
  };
  return {
    dir,
    log,
    discards,
    steps,
    lingering,
    names: () => readdirSync(root),
    open: (taskId: string, more: { targetDir?: string; needsScratch?: boolean } = {}) =>
      openWorkspace(taskId, { workspaceRoot: root, targetDir: null, needsScratch: false, ...more }),
    leave: (workspace: Workspace, keep = false) =>
      leaveWorkspace(
        workspace,
        { keep, discards },
        { step, log, linger: (work) => void lingering.push(work) },
      ),
    [Symbol.asyncDispose]: async () => {
      await discards[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe.each([
  ["that can be moved", "discards"],
  ["that cannot be moved", undefined],
])("a workspace %s", (_what, discardsIn) => {
  const options = discardsIn === undefined ? {} : { discardsIn };

  test("goes with everything in it, and does not mind to be gone already", async () => {
    await using at = await rig(options);
    const workspace = at.open("t");
    mkdirSync(`${workspace.dir}/deep/er`, { recursive: true });
    writeFileSync(`${workspace.dir}/deep/er/file`, "");
    await at.leave(workspace);
    expect(at.names()).toEqual([]);
    await at.leave(workspace);
    expect([at.names(), at.log.said("warn")]).toEqual([[], []]);
    // One removal each, that is seen as such.
    expect(at.steps).toHaveLength(2);
  });

  test("does not take along what links in it point to, nor what a link in its place points to", async () => {
    await using at = await rig(options);
    await at.dir.write("outside/file", "keep");
    const workspace = at.open("t");
    symlinkSync(at.dir.join("outside"), `${workspace.dir}/link`);
    await at.leave(workspace);
    symlinkSync(at.dir.join("outside"), workspace.dir);
    await at.leave(workspace);
    await at.discards[Symbol.asyncDispose]();
    expect([at.names(), existsSync(at.dir.join("outside", "file"))]).toEqual([[], true]);
  });

  test("that was there stays, and so does one that is kept; a scratch folder goes with both", async () => {
    await using at = await rig(options);
    await at.dir.write("ws/theirs/file", "");
    const theirs = at.open("theirs", { needsScratch: true });
    const kept = at.open("kept", { needsScratch: true });
    for (const { scratchDir } of [theirs, kept]) {
      writeFileSync(`${scratchDir}/environment`, "");
      mkdirSync(`${scratchDir}/deep/er`, { recursive: true });
    }
    await at.leave(theirs);
    await at.leave(kept, true);
    expect([theirs, kept].map(({ scratchDir }) => existsSync(scratchDir ?? ""))).toEqual([false, false]);
    expect(at.names().toSorted()).toEqual(["kept", "theirs"]);
  });

  test("that is the target folder stays, and its scratch folder goes", async () => {
    await using at = await rig(options);
    const workspace = at.open("t", { targetDir: await at.dir.mkdir("target") });
    await at.leave(workspace);
    expect([existsSync(workspace.scratchDir ?? ""), existsSync(at.dir.join("target"))]).toEqual([
      false,
      true,
    ]);
  });
});

test("what a task left is out of its place at once, and removed when its report is on its way", async () => {
  await using at = await rig({ discardsIn: "discards" });
  const workspace = at.open("t");
  writeFileSync(`${workspace.dir}/large`, "");
  await at.leave(workspace);
  const [batch = ""] = readdirSync(at.dir.join("discards"));
  expect([at.names(), readdirSync(at.dir.join("discards", batch, "t"))]).toEqual([[], ["large"]]);
  // The step that is seen ends with the removal.
  await Promise.all(at.steps);
  expect(readdirSync(at.dir.join("discards", batch))).toEqual([]);
});

test("what could not be removed is told of while the task lingers", async () => {
  await using at = await rig({ discardsIn: "discards" });
  await at.leave(at.open("t"));
  rmSync(at.dir.join("discards"), { recursive: true });
  await at.dir.write("discards", "in the way");
  expect(at.log.said("warn")).toEqual([]);
  await Promise.all(at.lingering);
  expect(at.log.said("warn")).toEqual(["cannot remove the workspace"]);
});

/** Every thread that works on files waits until this is disposed of. */
async function busyThreads(dir: TempDir): Promise<AsyncDisposable> {
  const pipe = dir.join("pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  const opening = Array.from({ length: navigator.hardwareConcurrency + 2 }, () => open(pipe, "r"));
  return {
    [Symbol.asyncDispose]: async () => {
      const writer = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
      for (const file of await Promise.all(opening)) await file.close();
      closeSync(writer);
    },
  };
}

// The report of a task with hooks once came when the large workspaces of two others were removed.
test.each([{ names: ["environment", ".gitconfig"] }, { names: [".gitconfig"] }])(
  "a scratch folder goes although what others left keeps all threads busy: %j",
  async ({ names }) => {
    await using at = await rig();
    const workspace = at.open("t", { needsScratch: true });
    const scratchDir = workspace.scratchDir ?? "";
    for (const name of names) writeFileSync(join(scratchDir, name), "");
    await using _busy = await busyThreads(at.dir);
    await within(at.leave(workspace, true), "the scratch folder to go", 2_000);
    expect(existsSync(scratchDir)).toBe(false);
  },
);
