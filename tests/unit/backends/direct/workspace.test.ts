import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderFor, openWorkspace, requirePathComponent } from "../../../../src/backends/direct/workspace.ts";
import { TaskFailure } from "../../../../src/task/backend.ts";
import { TempDir } from "../../../support/temp-dir.ts";

const plan = (workspaceRoot: string, more: { targetDir?: string; needsScratch?: boolean } = {}) => ({
  workspaceRoot,
  targetDir: more.targetDir ?? null,
  needsScratch: more.needsScratch ?? false,
});
const modeOf = (path: string) => statSync(path).mode & 0o777;
const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("a task id that names a folder", () => {
  test.each([
    ["t"],
    ["00000000-0000-4000-8000-000000000001"],
    ["a.b"],
    [".x"],
    ["..."],
    ["a-"],
    ["ü 😀"],
    ["~"],
    ["$HOME"],
    ["a:b"],
    ["x".repeat(255)],
    ["é".repeat(127)],
  ])("%p is taken as it is", (taskId) => {
    expect(requirePathComponent(taskId)).toBe(taskId);
    expect(folderFor(taskId, plan("/root"))).toBe(join("/root", taskId));
  });

  test.each([
    ["", "not a folder name"],
    [".", "not a folder name"],
    ["..", "not a folder name"],
    ["/", "separator"],
    ["/etc", "separator"],
    ["a/b", "separator"],
    ["../x", "separator"],
    ["a\\b", "separator"],
    ["a\u0000", "control"],
    ["a\nb", "control"],
    ["\u001b[2J", "control"],
    ["a\u007f", "control"],
    ["a\u0085", "control"],
    ["-rf", "dash"],
    ["--", "dash"],
    ["x".repeat(256), "255 bytes"],
    ["é".repeat(128), "255 bytes"],
  ])("%p is refused: %s", (taskId, why) => {
    const error = thrownBy(() => requirePathComponent(taskId));
    expect(error).toBeInstanceOf(TaskFailure);
    expect(error).toMatchObject({ reason: "workspace_setup", message: expect.stringContaining(why) });
    expect(folderFor(taskId, plan("/root"))).toBe(null);
    expect(folderFor(taskId, plan("/root", { targetDir: "/target" }))).toBe("/target");
  });
});

describe("a workspace of its own", () => {
  test("is a new folder that only the worker may enter", async () => {
    await using dir = await TempDir.create("ws");
    const workspace = openWorkspace("t", plan(dir.path));
    expect(workspace).toEqual({
      dir: dir.join("t"),
      made: true,
      scratchDir: null,
      gitConfig: dir.join("t", ".gitconfig"),
    });
    expect(modeOf(workspace.dir)).toBe(0o700);
  });

  test("that was there is used as it is", async () => {
    await using dir = await TempDir.create("ws");
    await dir.write("t/of-somebody", "");
    const workspace = openWorkspace("t", plan(dir.path));
    expect([workspace.made, existsSync(dir.join("t", "of-somebody"))]).toEqual([false, true]);
  });

  test.each(["a file", "a link to a folder", "a dangling link"])(
    "in whose place there is %s is refused",
    async (what) => {
      await using dir = await TempDir.create("ws");
      if (what === "a file") writeFileSync(dir.join("t"), "");
      else
        symlinkSync(what === "a dangling link" ? dir.join("none") : await dir.mkdir("else"), dir.join("t"));
      const error = thrownBy(() => openWorkspace("t", plan(dir.path)));
      expect(error).toMatchObject({ reason: "workspace_setup" });
    },
  );

  // Once `made` was decided by a look before the making: of two daemons that were given one task id in the
  // same moment, the later one removed the other's workspace under its running agent.
  test("that somebody else made meanwhile is not removed", async () => {
    await using dir = await TempDir.create("ws");
    const theirs = openWorkspace("t", plan(dir.path));
    const mine = openWorkspace("t", plan(dir.path));
    writeFileSync(dir.join("t", "work"), "");
    expect([theirs.made, mine.made]).toEqual([true, false]);
  });

  test("below a root that has gone is made with the root", async () => {
    await using dir = await TempDir.create("ws");
    const workspace = openWorkspace("t", plan(dir.join("gone")));
    expect([workspace.made, modeOf(dir.join("gone"))]).toEqual([true, 0o700]);
  });

  test("below a root that is a file is refused", async () => {
    await using dir = await TempDir.create("ws");
    await dir.write("root", "");
    const error = thrownBy(() => openWorkspace("t", plan(dir.join("root"))));
    expect(error).toMatchObject({ reason: "workspace_setup" });
  });
});

describe("a target folder", () => {
  test("is used whatever the task's id is; git's settings are in a private folder", async () => {
    await using dir = await TempDir.create("ws");
    await dir.write("target/file", "");
    const workspace = openWorkspace("../x", plan(dir.path, { targetDir: dir.join("target") }));
    const { scratchDir } = workspace;
    if (scratchDir === null) throw new Error("no scratch folder");
    expect(workspace).toEqual({
      dir: dir.join("target"),
      made: false,
      scratchDir,
      gitConfig: join(scratchDir, ".gitconfig"),
    });
    expect(modeOf(scratchDir)).toBe(0o700);
    rmdirSync(scratchDir);
  });

  test("that somebody removed while the worker ran is named, and nothing is made for the task", async () => {
    await using dir = await TempDir.create("ws");
    const targetDir = dir.join("target");
    const error = thrownBy(() => openWorkspace("t", plan(dir.path, { targetDir })));
    expect(error).toMatchObject({
      reason: "workspace_setup",
      message: `the target folder ${targetDir} is gone`,
    });
  });
});

describe("a scratch folder", () => {
  test("is there for hooks, outside of the workspace", async () => {
    await using dir = await TempDir.create("ws");
    const workspace = openWorkspace("t", plan(dir.path, { needsScratch: true }));
    expect(workspace.scratchDir?.startsWith(tmpdir())).toBe(true);
    expect(workspace.gitConfig).toBe(dir.join("t", ".gitconfig"));
    rmdirSync(workspace.scratchDir ?? "");
  });

  // Once it was made before the id was looked at, and nobody removed it when that threw.
  test("is not left behind by a task id that is refused", async () => {
    await using dir = await TempDir.create("ws");
    // A temporary folder of its own: others may be at work in the common one.
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = dir.path;
    try {
      expect(thrownBy(() => openWorkspace("..", plan(dir.path, { needsScratch: true })))).toBeInstanceOf(
        TaskFailure,
      );
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
    const left = readdirSync(dir.path);
    expect(left).toEqual([]);
  });
});

test("a folder is what lstat says it is", async () => {
  await using dir = await TempDir.create("ws");
  openWorkspace("t", plan(dir.path));
  expect(lstatSync(dir.join("t")).isDirectory()).toBe(true);
});
