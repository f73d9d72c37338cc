/** What becomes of a Job that has ended, while the control plane is not proven to know that. */
import { expect, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { OWN_LOOPBACK } from "../support/own-loopback.ts";
import { TEST_API_KEY, WorkerProcess } from "../support/worker-process.ts";

/**
 * Seen once each Job was deleted with the report: a task whose worker was taken for lost ran a second time where it was
 * given to, and what a pod had to tell when it was restarted in an outage was told by nobody.
 */
test("a task that has ended while its worker was cut off does not run again elsewhere, nor is its end lost with that worker", async () => {
  await using lost = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: TEST_API_KEY });
  await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: TEST_API_KEY });
  await using cluster = await FakeCluster.start();
  const start = async (its: ControlPlane) =>
    WorkerProcess.start({
      plane: its,
      flags: ["--worker-id", "w", "--backend", "kubernetes"],
      env: { KUBECONFIG: await cluster.kubeconfig() },
    });
  await using one = await start(lost);
  for (const taskId of ["given", "left"]) lost.submit(assignment({ taskId }));
  const jobs = await Promise.all(["given", "left"].map((taskId) => cluster.jobOf(taskId)));
  await one.waitForLog(/Job created[\s\S]*Job created/);
  await lost.goDown();
  for (const { metadata } of jobs) cluster.complete(metadata.name);
  await one.waitForLog(/task ended[\s\S]*task ended/);
  await using two = await start(plane);
  plane.submit(assignment({ taskId: "given" }));
  await plane.waitForTask("given", ["completed"]);
  expect(cluster.jobs().map(({ metadata }) => metadata.uid)).toContain(jobs[1]?.metadata.uid);
  await one.stop("SIGTERM");
  await two.waitForLog(/Job of a dead worker taken over/);
  await cluster.api.until(() => plane.terminalsOf("left").length > 0, "the report");
  expect(plane.terminalsOf("left")).toMatchObject([{ data: { message: "Task completed successfully" } }]);
  await cluster.api.until(() => cluster.jobs().length === 0, "the Jobs to go");
});
