/** An agent that mounts something in its workspace and leaves it there. Needs root, and Linux. */
import { describe, expect, test } from "bun:test";
import { existsSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWorkspace, removeWorkspace } from "../../src/backends/direct/workspace.ts";
import { TempDir } from "../support/temp-dir.ts";
import { mountTmpfs } from "../support/tmpfs.ts";

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
      await expect(removeWorkspace(workspace, false)).rejects.toThrow(
        `something is mounted at ${mounted.path}; unmount it`,
      );
      expect(existsSync(join(mounted.path, "precious"))).toBe(true);
    }
    await removeWorkspace(workspace, false);
    expect(existsSync(workspace.dir)).toBe(false);
  });

  test("is found through a link in the way to the workspace root", async () => {
    await using dir = await TempDir.create("ws");
    symlinkSync(await dir.mkdir("real"), dir.join("link"));
    const plan = { workspaceRoot: dir.join("link"), targetDir: null, needsScratch: false };
    const workspace = openWorkspace("t", plan);
    await using mounted = await mountTmpfs(dir, join("real", "t", "m"), 64 * 1024);
    writeFileSync(join(mounted.path, "precious"), "");
    await expect(removeWorkspace(workspace, false)).rejects.toThrow("something is mounted at");
    expect(existsSync(join(mounted.path, "precious"))).toBe(true);
  });
});
