import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import {
  isNeverBegun,
  newExitFile,
  readExitFile,
  removeExitFile,
  writeExitFile,
  writeNeverBegun,
} from "../../../src/process/shim/exit-file.ts";
import { TempDir } from "../../support/temp-dir.ts";

test.each([0, 1, 9, 137, 255])(
  "the status %p comes back, and nothing else is left beside it",
  async (status) => {
    await using dir = await TempDir.create("exit");
    const file = dir.join("x");
    const end = { status, at: 1_700_000_000_000 };
    writeExitFile(file, end);
    expect(readExitFile(file)).toEqual(end);
    expect(readdirSync(dir.path)).toEqual(["x"]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    removeExitFile(file);
    removeExitFile(file);
    expect(existsSync(file)).toBe(false);
  },
);

test.each([[""], ["0"], ["x\n"], ["-1\n"], ["1234\n"], ["1\n\n"], ["1\nx"], [" 1\n"]])(
  "a file with %j is no status",
  async (text) => {
    await using dir = await TempDir.create("exit");
    writeFileSync(dir.join("x"), text);
    expect(readExitFile(dir.join("x"))).toBeNull();
  },
);

test("where no file can be written the status is a link's target, with the time of the end", async () => {
  await using dir = await TempDir.create("exit");
  mkdirSync(dir.join("x.new"));
  const end = { status: 143, at: 1_700_000_000_000 };
  writeExitFile(dir.join("x"), end);
  expect(readExitFile(dir.join("x"))).toEqual(end);
});

test("where there is room for neither it says so, and leaves no half of it", async () => {
  await using dir = await TempDir.create("exit");
  mkdirSync(dir.join("x"));
  expect(() => writeExitFile(dir.join("x"), { status: 0, at: 0 })).toThrow("EISDIR");
  expect(readdirSync(dir.path)).toEqual(["x"]);
});

test("each process has a name of its own in the folder of statuses, and none without one", () => {
  const [one, other] = [newExitFile({ exitsDir: "/exits" }), newExitFile({ exitsDir: "/exits" })];
  expect([one?.startsWith("/exits/"), one === other, newExitFile(null)]).toEqual([true, false, null]);
});

test("a link whose target is a status is that status, and any other is followed by nobody", async () => {
  await using dir = await TempDir.create("exit");
  writeFileSync(dir.join("secret"), "7\n");
  for (const [name, target] of Object.entries({ a: "143", b: "secret", c: "1234" })) {
    symlinkSync(target, dir.join(name));
  }
  expect(["a", "b", "c"].map((name) => readExitFile(dir.join(name))?.status)).toEqual([
    143,
    undefined,
    undefined,
  ]);
  removeExitFile(dir.join("b"));
  removeExitFile(dir.join("a"));
  expect(readdirSync(dir.path).toSorted()).toEqual(["c", "secret"]);
});

test("no file, or a folder, is no status", async () => {
  await using dir = await TempDir.create("exit");
  expect([readExitFile(dir.join("none")), readExitFile(dir.path)]).toEqual([null, null]);
});

/**
 * It goes once the task's end is in the journal. Where that had to do without the disk (gone read-only, say) the
 * file cannot be removed either; when that threw, the end was not logged, and a stop broke off before all was sent.
 */
test.each(["a folder", "below a file"])("one that cannot be removed is left: %s", async (what) => {
  await using dir = await TempDir.create("exit");
  writeFileSync(dir.join("file"), "");
  expect(() => removeExitFile(what === "a folder" ? dir.path : dir.join("file", "x"))).not.toThrow();
});

test.each([
  ["a file", false],
  ["a link, where no file can be written", true],
])("that a process was never begun is no status, in %s", async (_what, isFull) => {
  await using dir = await TempDir.create("exit");
  const file = dir.join("x");
  if (isFull) mkdirSync(`${file}.new`);
  expect(isNeverBegun(file)).toBe(false);
  writeNeverBegun(file);
  expect([isNeverBegun(file), readExitFile(file)]).toEqual([true, null]);
  writeExitFile(file, { status: 0, at: 0 });
  expect(isNeverBegun(file)).toBe(false);
});

test("where that cannot be written nobody is bothered with it", async () => {
  await using dir = await TempDir.create("exit");
  mkdirSync(dir.join("x"));
  writeNeverBegun(dir.join("x"));
  expect(readdirSync(dir.path)).toEqual(["x"]);
});
