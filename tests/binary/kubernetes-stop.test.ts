/** A Job outlives its worker, and may end while that is on its way out. */
import { expect, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { TempDir } from "../support/temp-dir.ts";
import { TEST_API_KEY, WorkerProcess } from "../support/worker-process.ts";

/**
 * Seen once the journal was closed before the backend was: the Job that ended in between was deleted, its result was
 * written nowhere, and the next worker called the task failed because its Job was gone. Later it was in the journal, and
 * there alone: of a pod's emptyDir nobody ever read it.
 */
test.each([
  ["with its journal", true],
  ["without its journal", false],
])(
  "a task that ends while its worker lets go of the cluster is reported as it ended by the next one, %s",
  async (_which, keepsState) => {
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    await using cluster = await FakeCluster.start();
    await using state = await TempDir.create("state");
    await using another = await TempDir.create("another");
    const start = async ({ path: stateDir }: TempDir) =>
      WorkerProcess.start({
        plane,
        stateDir,
        flags: ["--worker-id", "w", "--backend", "kubernetes"],
        env: { KUBECONFIG: await cluster.kubeconfig() },
      });
    await using worker = await start(state);
    for (const taskId of ["first", "last"]) plane.submit(assignment({ taskId }));
    const [first, last] = await Promise.all(["first", "last"].map((taskId) => cluster.jobOf(taskId)));
    // The worker tries again, and is not gone before that or some seconds later.
    let refused = 0;
    cluster.api.fault = ({ verb, name }) =>
      verb === "delete" && name === first?.metadata.name && ++refused > 0 ? { status: 500 } : null;
    cluster.complete(first?.metadata.name);
    await plane.waitForTask("first", ["completed"]);
    const stopped = worker.stop("SIGTERM");
    await worker.waitForLog(/ INFO +stopped/);
    cluster.complete(last?.metadata.name);
    expect(await stopped).toBe(0);
    expect(refused).toBeGreaterThan(1);
    cluster.api.fault = () => null;
    await using _next = await start(keepsState ? state : another);
    expect(await plane.waitForTask("last", ["completed", "failed"])).toMatchObject({
      state: "completed",
      message: "Task completed successfully",
    });
  },
);

test("a worker with drain_timeout does not wait for its Jobs, which go on without it", async () => {
  await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
  await using cluster = await FakeCluster.start();
  const config = JSON.stringify({ worker_id: "w", drain_timeout: "1h", backend: { kubernetes: {} } });
  await using worker = await WorkerProcess.start({
    plane,
    config,
    env: { KUBECONFIG: await cluster.kubeconfig() },
  });
  plane.submit(assignment({ taskId: "t" }));
  await cluster.jobOf("t");
  expect(await worker.stop()).toBe(0);
  expect(cluster.jobs()).toHaveLength(1);
  expect(plane.terminalsOf("t")).toEqual([]);
});
