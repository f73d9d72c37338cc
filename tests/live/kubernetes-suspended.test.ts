/** A queue that preempts on a real cluster: it suspends a Job whose agent works, and soon resumes it. */
import { describe, expect, test } from "bun:test";
import { taskIdOf } from "../support/direct-site.ts";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";
import { eventually } from "../support/wait.ts";

describe.skipIf(noCluster !== null)("a Job that is suspended and resumed on a real cluster", () => {
  // The second agent went on for a quarter of a minute after the failure of the first was told.
  test("has its second agent ended as soon as the first one's failure is told", async () => {
    await using site = await ClusterSite.create();
    await using worker = await site.start();
    const [first] = await site.hold(1, { env: { AGENT_TRAP: "4" } });
    if (!first) throw new Error("one task was asked for");
    const [job] = await site.jobs();
    const { name } = job.metadata;
    const suspend = (is: boolean) =>
      site.cluster.kubectl(
        "-n",
        site.namespace,
        "patch",
        "job",
        name,
        "-p",
        JSON.stringify({ spec: { suspend: is } }),
      );
    await suspend(true);
    const isBeingDeleted = async () => (await site.pods()).some(({ metadata }) => metadata.deletionTimestamp);
    await eventually(isBeingDeleted, "its pod to be ended", { timeoutMs: TASK_TIMEOUT_MS });
    await suspend(false);
    const second = await site.agent.waitForStart(taskIdOf(first), 2, { timeoutMs: TASK_TIMEOUT_MS });
    expect(await site.ended(first)).toMatchObject({ failureReason: "container_exit", exitCode: 143 });
    const isEnded = () => second.trapped;
    await eventually(isEnded, "the second agent to be ended, after its 4 s", { timeoutMs: 12_000 });
    expect(await site.jobs()).toEqual([]);
    expect(site.terminals(taskIdOf(first))).toHaveLength(1);
    expect(worker.running).toBe(true);
  }, 150_000);
});
