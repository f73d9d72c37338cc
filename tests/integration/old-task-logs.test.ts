/** An old file of a task's output that cannot be removed. Needs root, and Linux. */
import { expect, test } from "bun:test";
import { readdirSync, utimesSync } from "node:fs";
import { TaskLogs } from "../../src/backends/direct/task-logs.ts";
import { TempDir } from "../support/temp-dir.ts";
import { recordLog } from "../unit/logging/recorded-log.ts";

const canMount = process.platform === "linux" && process.getuid?.() === 0;
const COMMAND = { argv: ["/bin/true"], cwd: "/", env: {} };

// Once: another user's, in a folder that both may write to, and from then on none was removed any more.
test.if(canMount)("does not keep the others from being removed, and is told by its name", async () => {
  await using dir = await TempDir.create("logs");
  for (const name of ["1", "2", "3", "4", "5"]) {
    const file = await dir.write(`oz-task-${name}.log`, "x");
    utimesSync(file, 1, 1);
  }
  // What something is mounted on may not be removed by root either.
  const busy = dir.join("oz-task-3.log");
  expect(Bun.spawnSync(["mount", "--bind", busy, busy]).exitCode).toBe(0);
  try {
    const log = recordLog();
    new TaskLogs({ dir: dir.path, maxAgeMs: 1, log }).kept("new", COMMAND);
    expect(readdirSync(dir.path).toSorted()).toEqual(["oz-task-3.log", "oz-task-new.log"]);
    expect(log.lines).toMatchObject([
      {
        level: "warn",
        message: "cannot remove an old file of a task's output",
        fields: { file: busy, error: expect.stringContaining("EBUSY") },
      },
    ]);
  } finally {
    expect(Bun.spawnSync(["umount", busy]).exitCode).toBe(0);
  }
});
