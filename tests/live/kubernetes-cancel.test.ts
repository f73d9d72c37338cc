/** A user's cancellation on a real cluster: what runs is stopped gently, and nothing is left of it. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { taskIdOf } from "../support/direct-site.ts";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";
import { eventually } from "../support/wait.ts";

describe.skipIf(noCluster !== null)("a task that the user cancels on a real cluster", () => {
  test("is gone with its Job, pod and Secret, after the teardown command ran", async () => {
    await using site = await ClusterSite.create();
    const note = site.dir.join("teardown");
    await using worker = await site.start({
      kubernetes: { teardown_command: `echo begun >>'${note}'; sleep 1; echo done >>'${note}'` },
    });
    const before = await site.leftovers();
    const [run] = await site.hold(1, { env: { AGENT_TRAP: "0" } });
    if (!run) throw new Error("one task was asked for");
    site.plane.cancel(taskIdOf(run));
    const { state, message, terminals } = await site.ended(run);
    expect([state, message, terminals]).toEqual(["cancelled", "Task cancelled by user request.", 1]);
    const left = async () => (await site.leftovers()).filter((name) => !before.includes(name));
    await eventually(async () => (await left()).length === 0, "the Job, the pod and the Secret to go", {
      timeoutMs: TASK_TIMEOUT_MS,
      intervalMs: 200,
    });
    expect(readFileSync(note, "utf8")).toBe("begun\ndone\n");
    expect(worker.running).toBe(true);
  }, 120_000);

  test("while its pod finds no node, leaves nothing behind either", async () => {
    await using site = await ClusterSite.create();
    await using _worker = await site.start({
      pod: { nodeSelector: { no: "where" } },
      kubernetes: { unschedulable_timeout: "0s" },
    });
    const { taskId } = site.plane.submit(assignment());
    const mine = async () => (await site.jobs()).filter(({ metadata }) => /^oz-task-/.test(metadata.name));
    await eventually(async () => (await mine()).length === 1, "its Job");
    site.plane.cancel(taskId);
    const { state } = await site.plane.waitForTask(taskId, [], { timeoutMs: TASK_TIMEOUT_MS });
    expect(state).toBe("cancelled");
    await eventually(async () => (await mine()).length === 0, "the Job to go");
    await eventually(async () => (await site.pods()).length === 0, "the pod to go");
    expect(site.agent.runs(taskId)).toEqual([]);
    expect(existsSync(site.dir.join("teardown"))).toBe(false);
  }, 120_000);

  test("and the worker's own end leaves Jobs alone", async () => {
    await using site = await ClusterSite.create();
    await using first = await site.start();
    const [run] = await site.hold(1);
    if (!run) throw new Error("one task was asked for");
    expect(await first.stop()).toBe(0);
    expect(site.terminals(taskIdOf(run))).toEqual([]);
    expect((await site.jobs()).filter(({ status }) => status.active === 1)).toHaveLength(1);
    run.release();
    await using _second = await site.start();
    expect((await site.ended(run)).state).toBe("completed");
    expect(site.agent.runs(taskIdOf(run))).toHaveLength(1);
  }, 120_000);
});
