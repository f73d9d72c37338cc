/** Jobs that are called late: what their pods have to say of that, and how long that is waited for. */
import { describe, expect, jest, test } from "bun:test";
import type { ApiCall } from "../support/fake-api-server.ts";
import { inSeconds } from "../support/fake-api-store.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig, passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

const DEADLINE_SECONDS = 10;
const startedAt = Date.now() - 30_000;
const settings = { activeDeadlineSeconds: DEADLINE_SECONDS };

const isPodWatch = ({ verb, resource }: ApiCall) => verb === "watch" && resource === "pods";
/** Not of the preflight's. */
const listsPods = ({ verb, resource, query }: ApiCall, label = /worker-hash|execution-hash/) =>
  verb === "list" && resource === "pods" && label.test(query.get("labelSelector") ?? "");

/** As the controller does, once it is back and all pods of the Job have ended. */
function callLate(job: string): void {
  const condition = (type: string) => ({ type, status: "True", reason: "DeadlineExceeded" });
  const conditions = [condition("FailureTarget"), condition("Failed")];
  cluster.api.store.patch("jobs", job, { status: { startTime: inSeconds(new Date(startedAt)), conditions } });
}

/** As the kubelet does, of what ended `seconds` after its Job had begun; the pod goes then, for it was deleted as late. */
function tellEnd(job: string, exitCode: number, seconds: number, { goes = true } = {}): void {
  const finishedAt = inSeconds(new Date(startedAt + seconds * 1000));
  const terminated = { exitCode, reason: exitCode === 0 ? "Completed" : "Error", finishedAt };
  const { name } = cluster.podOf(job).metadata;
  if (goes) cluster.api.store.patch("pods", name, { metadata: { deletionTimestamp: inSeconds(new Date()) } });
  cluster.setPod(job, {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    containerStatuses: [{ name: "task", state: { terminated } }],
  });
  if (goes) cluster.api.store.delete("pods", name);
}

/** Both watches are cut, and that of Jobs alone is opened again, until the task's Job is seen to be late. */
async function seeOnlyJobs(rig: KubernetesRig, change: (job: string) => void) {
  const { task, name } = await rig.follow();
  cluster.api.fault = (call) => (isPodWatch(call) ? "cut" : null);
  cluster.api.cutWatches();
  change(name);
  await cluster.api.until(() => cluster.api.openWatches === 1, "the watch of Jobs");
  for (let turn = 0; turn < 3; turn++) await cluster.turn();
  cluster.api.fault = () => null;
  return task;
}

describe("an agent that ended in time, of which the worker is told after its Job is called late,", () => {
  test("has ended as it did", async () => {
    await using rig = await KubernetesRig.start(cluster, { settings });
    const task = await seeOnlyJobs(rig, (job) => {
      tellEnd(job, 31, 3);
      callLate(job);
    });
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 31 });
  });

  test("is completed when that was well", async () => {
    await using rig = await KubernetesRig.start(cluster, { settings });
    const task = await seeOnlyJobs(rig, (job) => {
      tellEnd(job, 0, 3);
      callLate(job);
    });
    expect(await task.ended).toBe("completed");
  });

  test("is completed for a worker that takes it up, and cannot list all pods yet", async () => {
    const former = await KubernetesRig.start(cluster, { settings });
    const { task, name } = await former.follow();
    await former[Symbol.asyncDispose]();
    tellEnd(name, 0, 3, { goes: false });
    callLate(name);
    cluster.api.fault = (call) => (listsPods(call, /worker-hash/) ? "cut" : null);
    await using rig = await KubernetesRig.start(cluster, { settings });
    expect(await rig.resume("t-1", task.handles.at(-1) ?? null).ended).toBe("completed");
  });
});

describe("a Job that is called late is told as that", () => {
  test("at once when its pod goes, and nobody has seen it end", async () => {
    await using rig = await KubernetesRig.start(cluster, { settings });
    const { task, name } = await rig.follow();
    cluster.api.store.delete("pods", cluster.podOf(name).metadata.name);
    callLate(name);
    await expect(task.ended).rejects.toMatchObject({ reason: "active_deadline" });
  });

  test("at once when its pod is seen to be killed", async () => {
    await using rig = await KubernetesRig.start(cluster, { settings });
    const { task, name } = await rig.follow();
    callLate(name);
    tellEnd(name, 137, DEADLINE_SECONDS);
    await expect(task.ended).rejects.toMatchObject({ reason: "active_deadline" });
  });

  test("when it is gone before its pods could be read", async () => {
    const former = await KubernetesRig.start(cluster, { settings });
    const { task, name } = await former.follow();
    await former[Symbol.asyncDispose]();
    callLate(name);
    cluster.api.fault = (call) => (listsPods(call) ? "cut" : null);
    await using rig = await KubernetesRig.start(cluster, { settings });
    const resumed = rig.resume("t-1", task.handles.at(-1) ?? null);
    await cluster.api.until(
      () => cluster.api.calls.some((call) => listsPods(call, /execution-hash/)),
      "a look",
    );
    jest.useFakeTimers();
    cluster.api.store.delete("jobs", name);
    // Whether another worker has had it is looked for as well.
    const begunAt = performance.now();
    await passTime(cluster, () => performance.now() - begunAt > 35_000, { stepMs: 2_500 });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ reason: "active_deadline" });
  });

  test("20 s later when nothing is heard of its pod", async () => {
    await using rig = await KubernetesRig.start(cluster, { settings });
    const { task, name } = await rig.follow();
    jest.useFakeTimers();
    let isOver = false;
    task.ended.catch(() => {
      isOver = true;
    });
    callLate(name);
    const begunAt = performance.now();
    await passTime(cluster, () => performance.now() - begunAt > 19_000, { stepMs: 1_000 });
    expect(isOver).toBe(false);
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({ reason: "active_deadline" });
    expect(performance.now() - begunAt).toBeLessThan(25_000);
  });
});
