import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { makeHarnessFolder } from "../../../../src/backends/direct/harness-folder.ts";
import { TempDir } from "../../../support/temp-dir.ts";

test.each([
  ["claude", ".claude"],
  ["codex", ".codex"],
])("the folder of the harness %s is made for its user alone", async (harness, folder) => {
  await using dir = await TempDir.create("harness-folder");
  makeHarnessFolder(harness, dir.path);
  expect(readdirSync(dir.path)).toEqual([folder]);
  expect(statSync(dir.join(folder)).mode & 0o777).toBe(0o700);
});

// In a target folder: each task after the first would fail.
test("the folder of a harness that is there is used as it is", async () => {
  await using dir = await TempDir.create("harness-folder");
  const settings = await dir.write(".claude/settings.json", "{}");
  makeHarnessFolder("claude", dir.path);
  expect(existsSync(settings)).toBe(true);
});

test.each(["", "oz", "gemini", "__proto__"])("the harness %j has none", async (harness) => {
  await using dir = await TempDir.create("harness-folder");
  makeHarnessFolder(harness, dir.path);
  expect(readdirSync(dir.path)).toEqual([]);
});
