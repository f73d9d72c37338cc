/** Many tasks at once, and several workers of one id, on a real cluster. */
import { describe, expect, test } from "bun:test";
import { assignments } from "../support/assignments.ts";
import { taskIdOf } from "../support/direct-site.ts";
import type { AgentRun } from "../support/fake-agent.ts";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite } from "../support/live-cluster-site.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const TASKS = 16;
const AT_ONCE = 8;
const LOAD_TIMEOUT_MS = 300_000;
/** A Lease has to expire, and somebody has to see it. */
const TAKE_OVER_TIMEOUT_MS = 120_000;

// Together: one keeps the cluster busy, the other waits for a Lease to expire most of the time.
describe.skipIf(noCluster !== null).concurrent("on a real cluster", () => {
  test(
    `${TASKS} tasks go through a worker that runs ${AT_ONCE} at once`,
    async () => {
      await using site = await ClusterSite.create();
      await using worker = await site.start({ top: { max_concurrent_tasks: AT_ONCE } });
      const tasks = assignments(TASKS);
      for (const task of tasks) site.plane.submit(task);
      const ended = await site.plane.waitForAllTasks({ timeoutMs: LOAD_TIMEOUT_MS });
      expect(ended.map(({ state }) => state)).toEqual(tasks.map(() => "completed"));
      for (const { task_id } of tasks) {
        expect(site.terminals(task_id)).toHaveLength(1);
        expect(site.agent.runs(task_id)).toHaveLength(1);
      }
      expect(mostAtOnce(site)).toBe(AT_ONCE);
      expect((await site.jobs()).filter(({ status }) => status.active)).toEqual([]);
      expect(worker.running).toBe(true);
    },
    LOAD_TIMEOUT_MS + 30_000,
  );

  test("of two workers of one id, the one that stays reports the Jobs of the one that is gone, each once", async () => {
    await using site = await ClusterSite.create();
    await using stays = await site.start({ state: "one" });
    await using goes = await site.start({ state: "two" });
    // One that is ready may still have to be connected.
    await site.plane.waitForOpenLinks(2);
    const runs = await site.hold(6, { env: { AGENT_EXIT: "3" } });
    // They are connected in this order, and each is offered every second task.
    const isForeign = (run: AgentRun) => site.plane.task(taskIdOf(run))?.connection === 2;
    const foreign = runs.filter(isForeign);
    const own = runs.filter((run) => !isForeign(run));
    expect([own.length, foreign.length]).toEqual([3, 3]);
    const instances = async () =>
      new Map(
        (await site.jobs()).map(({ metadata }) => [
          metadata.labels["oz-task-id"],
          metadata.labels["oz-instance"],
        ]),
      );
    const before = await instances();
    await killHard(goes);
    for (const run of foreign) run.release();
    for (const run of foreign) {
      const ended = { timeoutMs: TAKE_OVER_TIMEOUT_MS };
      const { exitCode } = await site.plane.waitForTask(taskIdOf(run), [], ended);
      expect(exitCode).toBe(3);
    }
    // Nobody took what belongs to a worker that lives.
    expect(own.every((run) => !run.ended && site.terminals(taskIdOf(run)).length === 0)).toBe(true);
    const after = await instances();
    for (const run of own) expect(after.get(taskIdOf(run))).toBe(before.get(taskIdOf(run)));
    for (const run of own) run.release();
    for (const run of own) expect((await site.ended(run)).exitCode).toBe(3);
    for (const run of runs) {
      expect(site.agent.runs(taskIdOf(run))).toHaveLength(1);
      expect(site.terminals(taskIdOf(run))).toHaveLength(1);
    }
    expect(stays.running).toBe(true);
    await goes[Symbol.asyncDispose]();
  }, 240_000);
});

/** Tasks that were claimed and not reported yet, in the order of the frames. */
function mostAtOnce(site: ClusterSite): number {
  const open = new Set<string>();
  let most = 0;
  for (const { type, taskId } of site.plane.frames) {
    if (taskId === null) continue;
    if (type === "task_claimed") open.add(taskId);
    if (type === "task_completed" || type === "task_failed") open.delete(taskId);
    most = Math.max(most, open.size);
  }
  return most;
}

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  await worker.exited;
}
