/** What the worker is shown to hold while its tasks only run. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { eventually } from "../support/wait.ts";

/** `VmRSS` now, `VmHWM` at most until now. */
function residentMb(pid: number, field: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

test.skipIf(process.platform !== "linux")(
  "while agents work the worker lets go of what it started them with, and takes it up again as if nothing had been",
  async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = await site.hold(3);
    const mostMb = residentMb(worker.pid, "VmHWM");
    await eventually(() => residentMb(worker.pid, "VmRSS") < mostMb - 10, "the worker to shrink by 10 MB");
    runs.push(...(await site.hold(1)));
    for (const run of runs) {
      run.release();
      expect((await site.plane.waitForTask(taskIdOf(run))).state).toBe("completed");
    }
  },
);
