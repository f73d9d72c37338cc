/** The place in the kernel's order, over a file that stands in for the one in /proc. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { openOomScore } from "../../../src/process/shim/oom-score.ts";
import { TempDir } from "../../support/temp-dir.ts";

test.each([
  ["0\n", 500, 0],
  ["-500\n", 0, -500],
  ["700\n", 1_000, 700],
  ["1000\n", 1_000, 1_000],
])("from %j a child is started with %d, and what is started after it with %d", async (own, raised, back) => {
  await using dir = await TempDir.create("oom");
  const path = await dir.write("oom_score_adj", own);
  const score = () => Number.parseInt(readFileSync(path, "utf8"), 10);
  const before = openOomScore(path);
  expect(before?.(score)).toBe(raised);
  expect(score()).toBe(back);
});

test("a child that cannot be started leaves it as it was", async () => {
  await using dir = await TempDir.create("oom");
  const path = await dir.write("oom_score_adj", "0\n");
  const fail = () => {
    throw new Error("EAGAIN");
  };
  expect(() => openOomScore(path)?.(fail)).toThrow("EAGAIN");
  expect(Number.parseInt(readFileSync(path, "utf8"), 10)).toBe(0);
});

test.each(["", "odd\n"])("where it reads %j, or is not there, nothing is changed", async (text) => {
  await using dir = await TempDir.create("oom");
  const path = dir.join("oom_score_adj");
  expect(openOomScore(path)).toBeNull();
  writeFileSync(path, text);
  expect(openOomScore(path)).toBeNull();
});
