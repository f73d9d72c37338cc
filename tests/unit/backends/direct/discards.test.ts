import { afterEach, describe, expect, jest, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { Discards } from "../../../../src/backends/direct/discards.ts";
import { TempDir } from "../../../support/temp-dir.ts";

async function rig(folder: string | null = "state/discards") {
  const dir = await TempDir.create("discards");
  const discards = new Discards(() => (folder === null ? null : dir.join(folder)));
  return {
    dir,
    discards,
    /** With a file in it. */
    workspace: async (name = "ws/t") => {
      await dir.write(`${name}/file`, "");
      return dir.join(name);
    },
    batches: () => readdirSync(dir.join("state/discards")),
    [Symbol.asyncDispose]: async () => {
      await discards[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

describe("a workspace", () => {
  test("is gone from its place at once, and from the disk in a moment, with all of its batch", async () => {
    await using at = await rig();
    const [one, two] = [await at.workspace("ws/one"), await at.workspace("ws/two")];
    const gone = [at.discards.take(one), at.discards.take(two)];
    expect([existsSync(one), existsSync(two), at.batches().length]).toEqual([false, false, 1]);
    await Promise.all(gone);
    await at.discards[Symbol.asyncDispose]();
    expect(at.batches()).toEqual([]);
  });

  test("is removed before the worker ends", async () => {
    await using at = await rig();
    at.discards.take(await at.workspace());
    await at.discards[Symbol.asyncDispose]();
    expect(at.batches()).toEqual([]);
  });

  test("of a task that came again in the same moment is removed as well", async () => {
    await using at = await rig();
    const first = at.discards.take(await at.workspace());
    // The place of its name is taken there.
    expect(at.discards.take(await at.workspace())).toBe(null);
    await first;
    const second = at.discards.take(at.dir.join("ws/t"));
    await second;
    expect([existsSync(at.dir.join("ws/t")), second === null]).toEqual([false, false]);
  });

  test.each([
    ["without a state folder", null],
    ["where the state folder cannot be written", "file/discards"],
  ])("cannot be moved %s, and stays", async (_where, folder) => {
    await using at = await rig(folder);
    await at.dir.write("file", "");
    const dir = await at.workspace();
    expect([at.discards.take(dir), existsSync(dir)]).toEqual([null, true]);
  });

  test("cannot be moved when a cleaner took the folder, and the next one can", async () => {
    await using at = await rig();
    await at.discards.take(await at.workspace("ws/before"));
    const [one, two] = [await at.workspace("ws/one"), await at.workspace("ws/two")];
    at.discards.take(one);
    rmSync(at.dir.join("state"), { recursive: true });
    expect(at.discards.take(two)).toBe(null);
    await at.discards[Symbol.asyncDispose]();
    expect(at.discards.take(two)).not.toBe(null);
  });

  // Root may do anything.
  test.skipIf(process.getuid?.() === 0)("that its agent made unwritable stays where it is", async () => {
    await using at = await rig();
    const dir = await at.workspace();
    chmodSync(dir, 0o500);
    expect([at.discards.take(dir), existsSync(dir)]).toEqual([null, true]);
  });
});

describe("what a dead worker left", () => {
  afterEach(() => void jest.useRealTimers());

  test("is removed", async () => {
    await using at = await rig();
    await at.dir.write("state/discards/batch/t/deep/file", "");
    mkdirSync(at.dir.join("state/discards/empty"));
    await at.discards.sweep();
    expect(at.batches()).toEqual([]);
  });

  test("may be nothing, and there may be no folder", async () => {
    await using at = await rig();
    await at.discards.sweep();
    await using without = await rig(null);
    await without.discards.sweep();
    expect(existsSync(at.dir.join("state"))).toBe(false);
  });

  test("may be a living one's, which goes on", async () => {
    await using at = await rig();
    const other = new Discards(() => at.dir.join("state/discards"));
    const gone = other.take(await at.workspace());
    await at.discards.sweep();
    writeFileSync(at.dir.join("ws/late"), "");
    await gone;
    await other[Symbol.asyncDispose]();
    expect(at.batches()).toEqual([]);
  });

  // What is mounted in it would have been emptied: it was not there when the mounts were looked at.
  test("may be beside what a living one moves there after the look, and that stays", async () => {
    await using at = await rig();
    const [before, late] = [await at.workspace("ws/before"), await at.workspace("ws/late")];
    jest.useFakeTimers();
    await using other = new Discards(() => at.dir.join("state/discards"));
    other.take(before);
    const swept = at.discards.sweep();
    other.take(late);
    await swept;
    const [batch = ""] = at.batches();
    expect(readdirSync(at.dir.join("state/discards", batch))).toEqual(["late"]);
    jest.useRealTimers();
  });
});
