import { expect, test } from "bun:test";
import { birthmarkOf, readBirthmark } from "../../../src/process/birthmark.ts";

const markOf = (id: string | number) => `GIT_CONFIG_GLOBAL=/var/lib/oz/workspaces/${id}/.gitconfig`;

// The next worker, perhaps of another version, has to find what an earlier one started.
test.each([
  ["", 6_383_304_270_517_384],
  [markOf("task"), 8_800_552_294_586_320],
])("the birthmark of %j is always the same", (mark, birthmark) => {
  expect(birthmarkOf(mark)).toBe(birthmark);
});

test("no two of 100 000 tasks have the same, and each is a whole number above all usual limits", () => {
  const birthmarks = Array.from({ length: 100_000 }, (_, id) => birthmarkOf(markOf(id)));
  expect(new Set(birthmarks).size).toBe(birthmarks.length);
  expect(birthmarks.every((one) => Number.isSafeInteger(one) && one >= 2 ** 52)).toBe(true);
});

test.each([
  ["this process", process.pid],
  ["one that is not there", 2 ** 30],
])("%s has none", (_what, pid) => {
  expect(readBirthmark(pid)).toBeNull();
});
