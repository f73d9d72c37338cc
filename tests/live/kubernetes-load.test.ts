/** Many tasks at once on a real cluster. */
import { describe, expect, test } from "bun:test";
import { assignments } from "../support/assignments.ts";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite } from "../support/live-cluster-site.ts";

const TASKS = 100;
const AT_ONCE = 20;
const TIMEOUT_MS = 300_000;

describe.skipIf(noCluster !== null)("on a real cluster", () => {
  test(
    `${TASKS} tasks go through a worker that runs ${AT_ONCE} at once`,
    async () => {
      await using site = await ClusterSite.create();
      await using worker = await site.start({ top: { max_concurrent_tasks: AT_ONCE } });
      const tasks = assignments(TASKS);
      for (const task of tasks) site.plane.submit(task);
      const ended = await site.plane.waitForAllTasks({ timeoutMs: TIMEOUT_MS });
      expect(ended.map(({ state }) => state)).toEqual(tasks.map(() => "completed"));
      for (const { task_id } of tasks) {
        expect(site.terminals(task_id)).toHaveLength(1);
        expect(site.agent.runs(task_id)).toHaveLength(1);
      }
      expect(mostAtOnce(site)).toBe(AT_ONCE);
      expect((await site.jobs()).filter(({ status }) => status.active)).toEqual([]);
      expect(worker.running).toBe(true);
    },
    TIMEOUT_MS + 30_000,
  );
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
