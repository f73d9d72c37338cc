/** What becomes of a Job that a queue suspends while its agent works, and resumes. */
import { describe, expect, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

describe("a task that fails because its Job was suspended", () => {
  // Once: it was left alone until it had failed by itself, and ran its agent again when the queue resumed it.
  test.each([true, false])("is not run again when that is resumed (cleanup %p)", async (cleanup) => {
    await using rig = await KubernetesRig.start(cluster, { cleanup });
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    const conditions = [{ type: "Suspended", status: "True", reason: "JobSuspended" }];
    cluster.api.store.patch("jobs", name, { spec: { suspend: true }, status: { conditions } });
    const terminated = { exitCode: 143, reason: "Error" };
    cluster.setPod(name, { phase: "Failed", containerStatuses: [{ name: "task", state: { terminated } }] });
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 143 });
    rig.reported(task);
    const spec = () => cluster.jobs()[0]?.spec;
    const cannotRun = () => (cleanup ? spec() === undefined : spec()?.parallelism === 0);
    await cluster.api.until(cannotRun, "the Job to be gone, or without pods");
    if (!cleanup) expect(spec()).toMatchObject({ activeDeadlineSeconds: 1 });
  });

  // For a quarter of a minute, and for as long as nobody had read that failure, its agent worked once more.
  test.each([
    ["is resumed before its pod has ended", true],
    ["is suspended, as no watch has shown yet", false],
  ])("has that ended at once where that %s", async (_when, isResumed) => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    const { metadata, spec } = cluster.podOf(name);
    const { store } = cluster.api;
    if (isResumed) store.create("pods", { metadata: { ...metadata, name: "second" }, spec, status: {} });
    else store.quietly(() => store.patch("jobs", name, { spec: { suspend: true } }));
    store.patch("pods", metadata.name, {
      metadata: { deletionTimestamp: cluster.api.now() },
      status: { containerStatuses: [{ name: "task", state: { terminated: { exitCode: 143 } } }] },
    });
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 143 });
    // Safe, and not proven to be known.
    rig.backend.forget(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to be gone", 5_000);
  });
});
