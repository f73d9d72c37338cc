import { expect, test } from "bun:test";
import { existsSync, symlinkSync } from "node:fs";
import { lookAtFolder } from "../../../src/process/makeable-folder.ts";
import { TempDir } from "../../support/temp-dir.ts";

test("a folder that is there is its own nearest", async () => {
  await using dir = await TempDir.create("look");
  expect(lookAtFolder(dir.path)).toEqual({ nearest: dir.path, exists: true, why: null });
});

test("one that is not there is looked for from the nearest above it, and is not made", async () => {
  await using dir = await TempDir.create("look");
  const wanted = dir.join("a", "b", "c");
  expect(lookAtFolder(wanted)).toEqual({ nearest: dir.path, exists: false, why: null });
  expect(existsSync(dir.join("a"))).toBe(false);
});

test("what stands in the way is named", async () => {
  await using dir = await TempDir.create("look");
  const file = await dir.write("file", "");
  expect(lookAtFolder(file)).toMatchObject({ exists: true, why: `${file} is not a folder` });
  expect(lookAtFolder(dir.join("file", "a", "b"))).toEqual({
    nearest: file,
    exists: false,
    why: `${file} is not a folder`,
  });
  symlinkSync("/nowhere/at/all", dir.join("link"));
  expect(lookAtFolder(dir.join("link"))).toMatchObject({
    why: `${dir.join("link")} is a link that leads nowhere`,
  });
});
