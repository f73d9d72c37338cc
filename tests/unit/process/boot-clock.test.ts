import { expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import { readdirSync } from "node:fs";
import { BootClock, startedAtNow } from "../../../src/process/boot-clock.ts";
import { readProcess } from "../../../src/process/process-table.ts";
import { eventually } from "../../support/wait.ts";

test("the clock goes on, in the unit of a process's start, and holds one descriptor until it is let go of", async () => {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = process.platform === "linux" ? descriptors() : 0;
  using clock = new BootClock();
  const first = clock.now();
  expect(first).toBeGreaterThanOrEqual(Number(readProcess(process.pid)?.startedAt));
  await eventually(() => startedAtNow() > first, "the next tick of the clock");
  expect(clock.now()).toBeGreaterThan(first);
  if (process.platform === "linux") expect(descriptors()).toBe(before + 1);
  clock[Symbol.dispose]();
  if (process.platform === "linux") expect(descriptors()).toBe(before);
});

// A task that had ended well was reported as failed: "EIO: i/o error, read".
test.skipIf(process.platform !== "linux")(
  "a clock that cannot be read says that it cannot tell, and goes on later",
  () => {
    using clock = new BootClock();
    const first = clock.now();
    {
      using _broken = spyOn(fs, "readSync").mockImplementation(() => {
        throw Object.assign(new Error("i/o error, read"), { code: "EIO" });
      });
      expect(clock.now()).toBe(Number.NEGATIVE_INFINITY);
    }
    expect(clock.now()).toBeGreaterThanOrEqual(first);
  },
);
