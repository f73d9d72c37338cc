/** A worker whose disk is full would claim task after task and fail each at once, while others have room. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { TempDir } from "../support/temp-dir.ts";
import { mountTmpfs } from "../support/tmpfs.ts";

const root = process.getuid?.() === 0;
if (!root) process.stderr.write("skip  tests/binary/free-space: a full disk needs root to make one\n");

const MIB = 1024 ** 2;
/** 10 MB. */
const MIN_FREE_GB = 0.01;

describe.if(root)("a worker with min_free_gb", () => {
  test("turns tasks down while there is less, says so once, and takes them again", async () => {
    await using dir = await TempDir.create("room");
    await using disk = await mountTmpfs(dir, "disk", 20 * MIB);
    await using site = await DirectSite.create();
    const direct = { workspace_root: `${disk.path}/ws`, min_free_gb: MIN_FREE_GB };
    await using worker = await site.start({ direct });
    expect((await site.run(assignment())).state).toBe("completed");
    disk.fill();
    for (const { task_id } of [assignment(), assignment()].map((one) => site.plane.submit(one).assignment)) {
      await site.plane.waitForFrame((frame) => frame.taskId === task_id && frame.type === "task_rejected");
      expect(site.messages(task_id)).toEqual([
        { type: "task_rejected", data: { task_id, reason: "worker has not enough free disk space" } },
      ]);
    }
    disk.free();
    expect((await site.run(assignment())).state).toBe("completed");
    expect(
      worker.stderr.match(/not enough free disk space: tasks are turned down .* freeMb=0 /g),
    ).toHaveLength(1);
    expect(worker.stderr.match(/enough free disk space again: tasks are taken/g)).toHaveLength(1);
  });

  test("reports what a killed one claimed before, however little room there is now", async () => {
    await using dir = await TempDir.create("room");
    await using disk = await mountTmpfs(dir, "disk", 20 * MIB);
    await using site = await DirectSite.create();
    const direct = { workspace_root: `${disk.path}/ws`, min_free_gb: MIN_FREE_GB };
    await using killed = await site.start({ direct });
    const [run] = await site.hold(1);
    await killed.stop("SIGKILL");
    disk.fill();
    await using _next = await site.start({ direct });
    run?.release();
    const [ended] = await site.plane.waitForAllTasks();
    expect(ended?.state).toBe("completed");
  });
});
