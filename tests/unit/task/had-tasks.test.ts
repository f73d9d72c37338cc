import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { HadTasks } from "../../../src/task/claims/had-tasks.ts";
import { TempDir } from "../../support/temp-dir.ts";

async function rig() {
  const dir = await TempDir.create("had");
  const had = new HadTasks(() => dir.join("claims"));
  return {
    had,
    isClaimed: (taskId: string) => existsSync(dir.join("claims", taskId)),
    async [Symbol.asyncDispose]() {
      had[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test("a task is had until it has ended and the far side is proven to have read that", async () => {
  await using at = await rig();
  at.had.take("t", "/ws/t");
  at.had.letGo("t");
  expect(at.isClaimed("t")).toBe(true);
  at.had.ended("t");
  expect(at.isClaimed("t")).toBe(true);
  at.had.letGo("t");
  expect(at.isClaimed("t")).toBe(false);
});

// Another worker of this host would begin what runs here.
test("one of which another execution has begun is had for that, whatever is proven of the first", async () => {
  await using at = await rig();
  at.had.take("t", "/ws/t");
  at.had.ended("t");
  at.had.take("t", "/ws/t");
  at.had.letGo("t");
  expect(at.isClaimed("t")).toBe(true);
  at.had.ended("t");
  at.had.letGo("t");
  expect(at.isClaimed("t")).toBe(false);
});

test("none is left claimed by a worker that ends", async () => {
  await using at = await rig();
  at.had.take("t", "/ws/t");
  at.had[Symbol.dispose]();
  expect(at.isClaimed("t")).toBe(false);
});

test("one that is turned down after all is had by nobody", async () => {
  await using at = await rig();
  at.had.take("t", "");
  at.had.giveBack("t");
  expect(at.isClaimed("t")).toBe(false);
});
