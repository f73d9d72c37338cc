import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { checkStateFolder } from "../../../src/doctor/state-folder.ts";
import { openJournal } from "../../../src/journal/open.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { mountTmpfs } from "../../support/tmpfs.ts";
import { recordLog } from "../logging/recorded-log.ts";

const FREE = /, [\d.]+ [MGT]B free$/;

test("one that could be made is not made", async () => {
  await using dir = await TempDir.create("doctor");
  const found = await checkStateFolder(dir.join("oz", "state"), "w");
  expect(found.detail).toStartWith(`${dir.join("oz", "state", "w")} can be made`);
  expect(found).toEqual({ name: "state-folder", status: "ok", detail: expect.stringMatching(FREE) });
  expect(existsSync(dir.join("oz"))).toBe(false);
});

test("that of a worker that runs is looked at, and left to it as it is", async () => {
  await using dir = await TempDir.create("doctor");
  const log = recordLog();
  using _journal = openJournal(dir.path, "w", log);
  const before = readdirSync(dir.join("w"));
  const found = await checkStateFolder(dir.path, "w");
  expect(found).toMatchObject({
    status: "ok",
    detail: expect.stringContaining(`${dir.join("w")} can be written`),
  });
  expect(readdirSync(dir.join("w"))).toEqual(before);
  expect(log.said("warn")).toEqual([]);
});

test("one in which nothing can be made is a warning: the worker would go on in memory", async () => {
  await using dir = await TempDir.create("doctor");
  const file = await dir.write("file", "");
  expect(await checkStateFolder(file, "w")).toEqual({
    name: "state-folder",
    status: "warn",
    detail: expect.stringContaining(
      `${file}/w cannot be used: ${file} is not a folder; the worker would go on in memory`,
    ),
    hint: expect.stringContaining("set state_dir (--state-dir)"),
  });
});

test.skipIf(process.getuid?.() !== 0)("a disk with little room is a warning", async () => {
  await using dir = await TempDir.create("doctor");
  await using disk = await mountTmpfs(dir, "small", 20 * 1024 * 1024);
  expect(await checkStateFolder(disk.path, "w")).toMatchObject({
    status: "warn",
    detail: expect.stringContaining("20.0 MB free"),
    hint: "make room, or set state_dir (--state-dir)",
  });
});
