/** What a kubelet says of a container while it cannot reach the API server, and takes back when it can. */
import { describe, expect, jest, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig, passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

const UNREAD = "failed to sync secret cache: timed out waiting for the condition";

/** Followed for as long as `ms` with the container waiting like that. */
async function waits(rig: KubernetesRig, ms: number) {
  const { task, name } = await rig.follow();
  jest.useFakeTimers();
  const waiting = { reason: "CreateContainerConfigError", message: UNREAD };
  cluster.setPod(name, { phase: "Pending", containerStatuses: [{ name: "task", state: { waiting } }] });
  const until = performance.now() + ms;
  await passTime(cluster, () => performance.now() >= until);
  return { task, name };
}

describe("a container whose Secret the kubelet could not ask for", () => {
  // Its task was told as failed, and half a minute later the agent began.
  test("is waited for, for the kubelet asks again", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await waits(rig, 40_000);
    cluster.setPod(name, { phase: "Running", containerStatuses: [{ name: "task", state: { running: {} } }] });
    cluster.complete(name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
  });

  test("has failed when that lasts", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task } = await waits(rig, 61_000);
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({
      reason: "container_create",
      message: expect.stringContaining(UNREAD),
    });
  });
});
