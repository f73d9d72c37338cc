/** An agent that mounts something in its workspace and leaves it there. Needs root, and Linux. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Discards } from "../../src/backends/direct/discards.ts";
import { leaveWorkspace } from "../../src/backends/direct/leave-workspace.ts";
import { removeFolder } from "../../src/backends/direct/removal.ts";
import { openWorkspace } from "../../src/backends/direct/workspace.ts";
import { TempDir } from "../support/temp-dir.ts";
import { mountTmpfs } from "../support/tmpfs.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

const canMount = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!canMount)("a workspace with something mounted in it", () => {
  // Once: the removal went on below the mount point, and emptied the host's folder that was mounted there.
  test("is left as it is, with what is below the mount point, until that is gone", async () => {
    await using dir = await TempDir.create("ws");
    const workspace = openWorkspace("a task", {
      workspaceRoot: dir.path,
      targetDir: null,
      needsScratch: false,
    });
    {
      await using mounted = await mountTmpfs(dir, join("a task", "home"), 64 * 1024);
      writeFileSync(join(mounted.path, "precious"), "");
      await expect(removeFolder(workspace.dir)).rejects.toThrow(
        `something is mounted at ${mounted.path}; unmount it`,
      );
      expect(existsSync(join(mounted.path, "precious"))).toBe(true);
    }
    await removeFolder(workspace.dir);
    expect(existsSync(workspace.dir)).toBe(false);
  });

  test("costs the task nothing, and the operator is told of it", async () => {
    await using dir = await TempDir.create("ws");
    const workspace = openWorkspace("t", { workspaceRoot: dir.path, targetDir: null, needsScratch: false });
    await using _mounted = await mountTmpfs(dir, join("t", "m"), 64 * 1024);
    const log = recordLog();
    const context = { log, step: <T>(_name: string, work: () => Promise<T>) => work() };
    await leaveWorkspace(workspace, { keep: false, discards: new Discards(() => null) }, context);
    expect(log.lines).toMatchObject([{ level: "warn", fields: { dir: workspace.dir } }]);
  });

  test("is found through a link in the way to the workspace root", async () => {
    await using dir = await TempDir.create("ws");
    symlinkSync(await dir.mkdir("real"), dir.join("link"));
    const plan = { workspaceRoot: dir.join("link"), targetDir: null, needsScratch: false };
    const workspace = openWorkspace("t", plan);
    await using mounted = await mountTmpfs(dir, join("real", "t", "m"), 64 * 1024);
    writeFileSync(join(mounted.path, "precious"), "");
    await expect(removeFolder(workspace.dir)).rejects.toThrow("something is mounted at");
    expect(existsSync(join(mounted.path, "precious"))).toBe(true);
  });

  test("that was moved to be removed is back in its place, with the words that name it there", async () => {
    await using dir = await TempDir.create("ws");
    await using discards = new Discards(() => dir.join("discards"));
    const taskDir = await dir.mkdir("t");
    await using mounted = await mountTmpfs(dir, join("t", "m"), 64 * 1024);
    writeFileSync(join(mounted.path, "precious"), "");
    const gone = discards.take(taskDir);
    expect([gone === null, existsSync(taskDir)]).toEqual([false, false]);
    await expect(gone).rejects.toThrow(`something is mounted at ${join(taskDir, "m")}; unmount it`);
    expect(existsSync(join(mounted.path, "precious"))).toBe(true);
  });

  test("that was moved stays aside when its task came again meanwhile", async () => {
    await using dir = await TempDir.create("ws");
    await using discards = new Discards(() => dir.join("discards"));
    const taskDir = await dir.mkdir("t");
    await using mounted = await mountTmpfs(dir, join("t", "m"), 64 * 1024);
    const gone = discards.take(taskDir);
    await dir.mkdir("t");
    await expect(gone).rejects.toThrow(`something is mounted at ${dir.join("discards")}/`);
    expect(existsSync(taskDir)).toBe(true);
    await expect(discards.sweep()).rejects.toThrow("something is mounted at");
    // Back to where the mount is known to be.
    const [batch = ""] = readdirSync(dir.join("discards"));
    renameSync(dir.join("discards", batch, "t"), taskDir);
    expect(existsSync(mounted.path)).toBe(true);
  });

  test("itself cannot be moved, nor one on another file system than the state folder", async () => {
    await using dir = await TempDir.create("ws");
    await using mounted = await mountTmpfs(dir, "ws", 64 * 1024);
    await using discards = new Discards(() => dir.join("discards"));
    await dir.mkdir("ws/t");
    expect(discards.take(mounted.path)).toBe(null);
    expect(discards.take(join(mounted.path, "t"))).toBe(null);
    expect(existsSync(join(mounted.path, "t"))).toBe(true);
    // That it is another file system is known from then on, and no folder made in vain for each task.
    await discards[Symbol.asyncDispose]();
    expect(discards.take(join(mounted.path, "t"))).toBe(null);
    expect(readdirSync(dir.join("discards"))).toEqual([]);
  });
});
