/** What an engine has, known to all workers of a host for a day. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { HandedOffMarks } from "../../../../src/backends/command/handed-off-marks.ts";
import { TempDir } from "../../../support/temp-dir.ts";

const ref = { taskId: "t", executionId: "e" };
const DAY_S = 24 * 60 * 60;

async function rig() {
  const dir = await TempDir.create("marks");
  const folder = dir.join("handed-off");
  return {
    marks: new HandedOffMarks(() => folder),
    sibling: new HandedOffMarks(() => folder),
    files: () => readdirSync(folder).map((name) => dir.join("handed-off", name)),
    dir,
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

test("an execution that is marked is known to others, and no other execution is", async () => {
  await using at = await rig();
  expect(at.sibling.has(ref)).toBe(false);
  at.marks.add(ref);
  at.marks.add(ref);
  expect(at.sibling.has(ref)).toBe(true);
  expect(at.sibling.has({ ...ref, executionId: "e2" })).toBe(false);
  expect(at.sibling.has({ taskId: "t2", executionId: "e" })).toBe(false);
  expect(at.files().map((file) => statSync(file).size)).toEqual([0]);
});

test("one without an id is not: nothing would tell it from a new one", async () => {
  await using at = await rig();
  at.marks.add({ ...ref, executionId: "" });
  expect([at.marks.has({ ...ref, executionId: "" }), existsSync(at.dir.join("handed-off"))]).toEqual([
    false,
    false,
  ]);
});

test("a day later it is forgotten, and goes with the next look at all of them", async () => {
  await using at = await rig();
  at.marks.add(ref);
  const [file = ""] = at.files();
  at.marks.add({ ...ref, executionId: "later" });
  const yesterday = Date.now() / 1_000 - DAY_S - 1;
  utimesSync(file, yesterday, yesterday);
  expect(at.sibling.has(ref)).toBe(false);
  at.sibling.prune();
  expect([existsSync(file), at.files().length]).toEqual([false, 1]);
});

test("any ids make a name, and two never the same one", async () => {
  await using at = await rig();
  const long = "x".repeat(300);
  const refs = [
    { taskId: '","', executionId: "/.." },
    { taskId: "", executionId: '",",".."' },
    { taskId: long, executionId: "a" },
    { taskId: long, executionId: "b" },
  ];
  for (const each of refs) at.marks.add(each);
  expect([at.files().length, refs.every((each) => at.sibling.has(each))]).toEqual([4, true]);
});

test("where there is no folder, or none can be made, nothing is known", async () => {
  await using dir = await TempDir.create("marks");
  await dir.write("file", "");
  for (const folder of [null, dir.join("file", "handed-off")]) {
    const marks = new HandedOffMarks(() => folder);
    marks.add(ref);
    marks.prune();
    expect(marks.has(ref)).toBe(false);
  }
});
