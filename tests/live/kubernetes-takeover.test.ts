/** Workers, API servers and kubelets that fail in the middle: every task on a real cluster keeps its one true result. */
import { describe, expect, test } from "bun:test";
import { assignments } from "../support/assignments.ts";
import { taskIdOf } from "../support/direct-site.ts";
import type { AgentRun } from "../support/fake-agent.ts";
import { noCluster } from "../support/live-cluster.ts";
import { ClusterSite, TASK_TIMEOUT_MS } from "../support/live-cluster-site.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  await worker.exited;
}

function expectOnce(site: ClusterSite, runs: readonly AgentRun[]): void {
  for (const run of runs) {
    expect(site.agent.runs(taskIdOf(run))).toHaveLength(1);
    expect(site.terminals(taskIdOf(run))).toHaveLength(1);
  }
}

describe.skipIf(noCluster !== null)("on a real cluster", () => {
  test("five Jobs outlive a killed worker, and the next one reports what became of each", async () => {
    await using site = await ClusterSite.create();
    await using first = await site.start();
    const codes = ["0", "3", "0", "4", "5"];
    const held = await Promise.all(codes.map((code) => site.hold(1, { env: { AGENT_EXIT: code } })));
    const runs = held.flat();
    await killHard(first);
    // Two end while nobody looks.
    for (const run of runs.slice(0, 2)) run.release();
    await eventually(() => runs.slice(0, 2).every((run) => run.ended), "two agents to end");
    await using second = await site.start();
    for (const run of runs.slice(2)) run.release();
    const results = await Promise.all(runs.map((run) => site.ended(run)));
    expect(results.map(({ exitCode }) => String(exitCode ?? 0))).toEqual(codes);
    expect(results.map(({ failureReason }) => failureReason)).toEqual(
      codes.map((code) => (code === "0" ? null : "container_exit")),
    );
    expectOnce(site, runs);
    expect(second.running).toBe(true);
  }, 150_000);

  test("tasks go on while the API server is gone, and are reported once it is back", async () => {
    await using site = await ClusterSite.create();
    await using worker = await site.start();
    const runs = await site.hold(3, { env: { AGENT_EXIT: "4" } });
    const restarted = site.cluster.restart("kube-apiserver");
    // Ended and claimed while there is nobody to ask.
    runs[0]?.release();
    const [late] = assignments(1, { env: { AGENT_EXIT: "6" } });
    if (!late) throw new Error("one assignment was asked for");
    site.plane.submit(late);
    await restarted;
    for (const run of runs.slice(1)) run.release();
    for (const run of runs) expect((await site.ended(run)).exitCode).toBe(4);
    const options = { timeoutMs: TASK_TIMEOUT_MS };
    const ended = await site.plane.waitForTask(late.task_id, [], options);
    expect(ended).toMatchObject({ failureReason: "container_exit", exitCode: 6 });
    expectOnce(site, runs);
    expect(worker.running).toBe(true);
  }, 150_000);

  // Their Jobs were called late, and their pods were deleted for that, before anybody had heard that they had ended.
  test("agents that end in time are told of as they ended by a kubelet that is held up past the deadline", async () => {
    await using site = await ClusterSite.create();
    await using worker = await site.start({ kubernetes: { active_deadline_seconds: 10 } });
    const codes = ["0", "31"];
    const held = await Promise.all(codes.map((code) => site.hold(1, { env: { AGENT_EXIT: code } })));
    const runs = held.flat();
    const areLate = async () => (await site.jobs()).every((job) => isLate(job));
    {
      using _stalled = site.cluster.stall("kubelet");
      for (const run of runs) run.release();
      await eventually(() => runs.every((run) => run.ended), "the agents to end");
      await eventually(areLate, "the Jobs to be called late", {
        timeoutMs: TASK_TIMEOUT_MS,
        intervalMs: 250,
      });
    }
    const ends = await Promise.all(runs.map((run) => site.ended(run)));
    expect(ends).toMatchObject([
      { state: "completed" },
      { state: "failed", failureReason: "container_exit", exitCode: 31 },
    ]);
    expectOnce(site, runs);
    expect(worker.running).toBe(true);
  }, 150_000);
});

function isLate({ status }: { status: { conditions?: readonly { reason?: string }[] } }): boolean {
  return (status.conditions ?? []).some(({ reason }) => reason === "DeadlineExceeded");
}
