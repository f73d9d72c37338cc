/** A task's way through the Kubernetes backend, against an API server that does what it is told. */
import { describe, expect, jest, spyOn, test } from "bun:test";
import { type ApiCall, firstOf } from "../support/fake-api-server.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig, passTime } from "../support/kubernetes-rig.ts";
import { eventually, within } from "../support/wait.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

/** While its Job goes on. */
async function failedForItsImage(rig: KubernetesRig): Promise<ReturnType<KubernetesRig["run"]>> {
  const task = rig.run("t-1");
  const { name } = (await cluster.jobOf("t-1")).metadata;
  const waiting = { reason: "ImagePullBackOff", message: "no such image" };
  cluster.setPod(name, { phase: "Pending", containerStatuses: [{ name: "task", state: { waiting } }] });
  await expect(task.ended).rejects.toMatchObject({ reason: "image_pull" });
  return task;
}

/** How long a task's cancellation takes, in ms, whose pod has been changed so, and does not go. */
async function cancelledWith(rig: KubernetesRig, change: object): Promise<number> {
  const { task, name } = await rig.follow();
  cluster.api.store.patch("pods", cluster.podOf(name).metadata.name, change);
  for (let turn = 0; turn < 3; turn++) await cluster.turn();
  jest.useFakeTimers();
  let over = false;
  task.ended.catch(() => {
    over = true;
  });
  task.stop("cancelled");
  const startedAt = performance.now();
  await passTime(cluster, () => over, { stepMs: 1_000, mostMs: 200_000 });
  const ms = performance.now() - startedAt;
  jest.useRealTimers();
  await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
  return ms;
}

describe("a task on Kubernetes", () => {
  test("is a Job that is deleted only after its result is safe", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { metadata } = await cluster.jobOf("t-1");
    cluster.complete(metadata.name);
    expect(await task.ended).toBe("completed");
    expect(cluster.jobs()).toHaveLength(1);
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to be deleted");
    expect(cluster.api.callsOf("delete", "jobs").at(-1)?.body).toEqual({
      propagationPolicy: "Background",
      preconditions: { uid: metadata.uid },
    });
  });

  test("takes at most four requests of its own when nothing goes wrong", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await cluster.api.until(() => cluster.api.openWatches === 2, "two watches");
    const before = cluster.api.calls.length;
    const task = rig.run("t-1");
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    await task.ended;
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to be deleted");
    const made = cluster.api.calls.slice(before).map(({ verb, resource }) => `${verb} ${resource}`);
    expect(made).toEqual(["create jobs", "create secrets", "delete jobs"]);
  });

  test("keeps what its variables hold in a Secret that its Job owns", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1", "e-1", { TASK_ID: "t-1", TOKEN: "very-secret" });
    const job = await cluster.jobOf("t-1");
    const secret = await cluster.api.until(() => cluster.api.store.list("secrets")[0], "the Secret");
    expect(secret.metadata.ownerReferences).toEqual([
      expect.objectContaining({ kind: "Job", name: job.metadata.name, uid: job.metadata.uid }),
    ]);
    expect(JSON.stringify(job)).not.toContain("very-secret");
    expect(JSON.stringify(task.handles)).not.toContain("very-secret");
  });

  test("that fails says why, and its Job stays, marked as reported", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.logs = "the agent said\r\ntwo lines\n";
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    cluster.fail(name, 3);
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 3 });
    rig.reported(task);
    // Until then its values stay hidden: a policy that refuses the mark may quote them.
    expect(task.lingering).toHaveLength(1);
    await within(Promise.all(task.lingering), "the mark");
    expect(cluster.jobs()[0].metadata.labels["oz-ended"]).toBe("true");
    expect(cluster.jobs()[0].spec.activeDeadlineSeconds).toBeUndefined();
    const output = rig.log.lines.filter(({ message }) => message === "task output");
    expect(output.map(({ fields }) => [fields["container"], fields["text"]])).toEqual([
      ["task", "the agent said"],
      ["task", "two lines"],
    ]);
  });

  test("that fails does so as it did when its output cannot be read", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.fault = ({ subresource }) =>
      subresource === "log" ? { status: 403, message: "no logs" } : null;
    const task = rig.run("t-1");
    cluster.fail((await cluster.jobOf("t-1")).metadata.name, 3);
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 3 });
    const [line] = rig.log.lines.filter(({ message }) => /cannot read the output/.test(message));
    expect(line?.fields).toMatchObject({ container: "task", why: expect.stringMatching(/no logs/) });
  });

  test("whose output is over the limit has no half line of it in the log, where half a secret may be", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.logs = `whole\n${"x".repeat(1024 * 1024)}half-of-a-sec`;
    const task = rig.run("t-1");
    cluster.fail((await cluster.jobOf("t-1")).metadata.name, 3);
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit" });
    const output = rig.log.lines.filter(({ message }) => message === "task output");
    expect(output.map(({ fields }) => fields["text"])).toEqual([
      "whole",
      "(the rest is over the limit of 1 MiB)",
    ]);
  });

  // Of 250 MB the worker held four times as much, and its report waited for 14 s.
  test("whose output is sent whole by a server that heeds no limit is logged up to the limit", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.logs = `${"x".repeat(1023)}\n`.repeat(3 * 1024);
    const task = rig.run("t-1");
    cluster.fail((await cluster.jobOf("t-1")).metadata.name, 3);
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit" });
    expect(rig.log.lines.filter(({ message }) => message === "task output")).toHaveLength(1024);
  });

  test.each([0, 3])(
    "that ended with %i just before the worker stops is no reason to leave a Lease",
    async (status) => {
      const rig = await KubernetesRig.start(cluster);
      const task = rig.run("t-1");
      const { name } = (await cluster.jobOf("t-1")).metadata;
      if (status === 0) cluster.complete(name);
      else cluster.fail(name, status);
      await task.ended.catch(() => {});
      // The watch is too late to tell what became of the Job.
      cluster.api.silenceWatches();
      rig.reported(task);
      await rig[Symbol.asyncDispose]();
      expect(cluster.api.store.list("leases")).toEqual([]);
    },
  );

  test("that is seen to fail before its Job has is marked as reported even if the worker stops just then", async () => {
    const rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    cluster.setPod(name, {
      phase: "Running",
      containerStatuses: [{ name: "task", state: { terminated: { exitCode: 7 } } }],
    });
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit" });
    rig.reported(task);
    await rig[Symbol.asyncDispose]();
    expect(cluster.api.store.get("jobs", name).metadata.labels["oz-ended"]).toBe("true");
    expect(cluster.api.store.list("leases")).toEqual([]);
  });

  // With the worker's pod an end that nobody had read was lost, for no other worker takes up a Job that is gone or marked.
  test.each<[string, boolean, (job: string) => void]>([
    ["ended well", true, (job) => cluster.complete(job)],
    ["ended well, and is to stay", false, (job) => cluster.complete(job)],
    ["has failed", true, (job) => cluster.fail(job, 3)],
    [
      "is about to fail",
      true,
      (job) => {
        const containerStatuses = [{ name: "task", state: { terminated: { exitCode: 3 } } }];
        cluster.setPod(job, { phase: "Running", containerStatuses });
      },
    ],
  ])(
    "whose end is not proven to be known leaves its Job to whoever follows: one that %s",
    async (_how, cleanup, end) => {
      const rig = await KubernetesRig.start(cluster, { cleanup });
      const task = rig.run("t-1");
      const { name } = (await cluster.jobOf("t-1")).metadata;
      end(name);
      await task.ended.catch(() => {});
      rig.backend.forget(task);
      await rig[Symbol.asyncDispose]();
      const { metadata, spec } = cluster.api.store.get("jobs", name);
      expect([metadata.labels["oz-ended"], spec.activeDeadlineSeconds]).toEqual([undefined, undefined]);
      expect(cluster.api.store.list("leases")).toMatchObject([{ spec: { holderIdentity: "" } }]);
    },
  );

  for (const status of [409, 410, 401]) {
    // A Job that was not marked was taken up by the next worker of the id, and reported a second time.
    test(`whose Job cannot be marked as reported at first is marked all the same: ${status}`, async () => {
      await using rig = await KubernetesRig.start(cluster);
      const task = rig.run("t-1");
      const { name } = (await cluster.jobOf("t-1")).metadata;
      cluster.fail(name, 7);
      await expect(task.ended).rejects.toMatchObject({ reason: "container_exit" });
      const refused = firstOf((call) => call.verb === "patch" && call.resource === "jobs");
      cluster.api.fault = (call) => (refused(call) ? { status, reason: "Conflict" } : null);
      rig.reported(task);
      const marked = () => cluster.api.store.get("jobs", name).metadata.labels["oz-ended"] === "true";
      await cluster.api.until(marked, "the mark");
    });
  }

  test("whose Job the API server will not let go of is told of, and not asked for without end", async () => {
    // Of each pause the least.
    using _soon = spyOn(Math, "random").mockReturnValue(0);
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    cluster.complete(name);
    await task.ended;
    let asked = 0;
    cluster.api.fault = (call) => {
      if (call.verb !== "delete" || call.name !== name) return null;
      asked += 1;
      return { status: 403, message: "guarded" };
    };
    rig.reported(task);
    const told = () => rig.log.lines.filter(({ message }) => message === "cannot clean up after a task");
    await eventually(() => told().length > 0, "the warning");
    expect(told()[0]?.fields).toMatchObject({ job: name, why: expect.stringMatching(/guarded/) });
    expect(asked).toBe(5);
  });

  test("that is seen to fail before its Job has is no reason to end the Job, for its pod would go with it", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    const terminated = { exitCode: 3, reason: "Error" };
    cluster.setPod(name, { phase: "Running", containerStatuses: [{ name: "task", state: { terminated } }] });
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 3 });
    rig.reported(task);
    cluster.fail(name, 3);
    await cluster.api.until(() => cluster.jobs()[0]?.metadata.labels["oz-ended"], "the mark");
    expect(cluster.jobs()[0].spec.activeDeadlineSeconds).toBeUndefined();
  });

  test("that fails while its Job goes on takes the Job's time away, so that it cannot start later", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = await failedForItsImage(rig);
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs()[0]?.spec.activeDeadlineSeconds === 1, "the deadline");
  });

  // It would start later, after its failure was reported.
  test("that fails while its Job goes on, which the worker may not change, has its Job deleted", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = await failedForItsImage(rig);
    const isChange = ({ verb, resource }: ApiCall) => verb === "patch" && resource === "jobs";
    cluster.api.fault = (call) => (isChange(call) ? { status: 403, message: "may not patch jobs" } : null);
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to be deleted");
    expect(rig.log.said("warn")).toEqual([]);
  });

  test("whose Job ends and is deleted in one breath is still reported as it ended", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.fail(name, 9);
    cluster.reap(name);
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 9 });
  });

  test("whose pod somebody deletes by force says so, though the pod is gone when its Job has failed", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await cluster.api.until(() => cluster.api.openWatches === 2, "two watches");
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the Job to be followed");
    const pod = cluster.podOf(name).metadata.name;
    cluster.api.store.patch("pods", pod, { metadata: { deletionTimestamp: cluster.api.now() } });
    cluster.api.store.delete("pods", pod);
    // Comes back through the watch of pods behind that.
    await cluster.turn();
    const failed = { type: "Failed", status: "True", reason: "BackoffLimitExceeded" };
    cluster.api.store.patch("jobs", name, { status: { failed: 1, conditions: [failed] } });
    await expect(task.ended).rejects.toMatchObject({
      reason: "job_failed",
      message: expect.stringMatching(/BackoffLimitExceeded.*its pod was being deleted/),
    });
  });

  // The controller waits for the pod's end, and the kubelet that would tell of it is gone.
  test("whose node is lost is reported although its Job never says that it has failed, and the Job is ended", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await cluster.api.until(() => cluster.api.openWatches === 2, "two watches");
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the Job to be followed");
    let endedAt = 0;
    task.ended.catch(() => {
      endedAt = performance.now();
    });
    jest.useFakeTimers();
    const startedAt = performance.now();
    const graceIsOver = new Date(Date.now() + 30_000).toISOString();
    const pod = cluster.podOf(name).metadata.name;
    cluster.api.store.patch("pods", pod, { metadata: { deletionTimestamp: graceIsOver } });
    const givenUp = { type: "FailureTarget", status: "True", reason: "BackoffLimitExceeded" };
    cluster.api.store.patch("jobs", name, { status: { terminating: 1, conditions: [givenUp] } });
    await passTime(cluster, () => endedAt > 0, { stepMs: 1_000 });
    jest.useRealTimers();
    expect(endedAt - startedAt).toBeWithin(85_000, 95_000);
    await expect(task.ended).rejects.toMatchObject({
      reason: "job_failed",
      message: expect.stringMatching(/BackoffLimitExceeded.*is still there .* may be lost/),
    });
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs()[0]?.metadata.labels["oz-ended"], "the mark");
  });

  test("whose Job somebody deletes when its agent has ended well has ended well", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await cluster.api.until(() => cluster.api.openWatches === 2, "two watches");
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the Job to be followed");
    cluster.setPod(name, { phase: "Succeeded" });
    // Comes back through the watch of pods behind that.
    await cluster.turn();
    cluster.api.store.delete("jobs", name);
    expect(await task.ended).toBe("completed");
  });

  test("whose Job somebody deletes fails, and says so", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    cluster.reap((await cluster.jobOf("t-1")).metadata.name);
    await expect(task.ended).rejects.toMatchObject({
      reason: "job_failed",
      message: expect.stringMatching(/deleted/),
    });
  });

  test("that is cancelled is over when its pod has had its teardown and is gone", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    let over = false;
    task.ended.catch(() => {
      over = true;
    });
    task.stop("cancelled");
    const deletion = await cluster.api.until(() => cluster.api.callsOf("delete", "jobs")[1], "the deletion");
    expect(deletion.body.propagationPolicy).toBe("Foreground");
    expect(deletion.body.preconditions).toEqual({ uid: cluster.podOf(name).metadata.ownerReferences[0].uid });
    expect(deletion.body.gracePeriodSeconds).toBeUndefined();
    await cluster.api.until(() => cluster.podOf(name).metadata.deletionTimestamp, "the pod to be ending");
    expect(over).toBe(false);
    expect(task.handles.at(-1)).toMatchObject({ stopping: "cancelled" });
    cluster.reap(name);
    await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
  });

  test("that is cancelled holds nobody up when its pod does not go after all its grace, and that is said", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const ms = await cancelledWith(rig, { spec: { terminationGracePeriodSeconds: 90 } });
    // The pod's own 90 s, and 30 s for the kubelet's work.
    expect(ms).toBeWithin(120_000, 125_000);
    expect(rig.log.said("warn")).toEqual(["the task's pod is still there after its grace period"]);
  });

  // It waited for a minute, for what nobody was going to do.
  test("that is cancelled does not wait for a pod that nobody ends when its Job is gone, and that is said", async () => {
    await using rig = await KubernetesRig.start(cluster);
    expect(await cancelledWith(rig, { metadata: { ownerReferences: [] } })).toBeWithin(10_000, 15_000);
    expect(rig.log.said("warn")).toEqual(["the task's Job is gone, and nobody ends its pod"]);
  });

  // Somebody's policy may guard it: what is reported is what the user wanted, and the operator hears of the rest.
  test("that is cancelled holds up no worker that has to go", async () => {
    const rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    task.stop("cancelled");
    await cluster.api.until(() => cluster.podOf(name).metadata.deletionTimestamp, "the pod to be ending");
    // The answer to the deletion has come by then.
    for (let turn = 0; turn < 3; turn++) await cluster.turn();
    await rig[Symbol.asyncDispose]();
    // The next one goes on with it.
    expect(task.handles.at(-1)).toMatchObject({ stopping: "cancelled" });
  });

  test("that is cancelled and whose Job may not be deleted is told of, and deleted once it may be", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    await cluster.jobOf("t-1");
    await eventually(() => task.handles.at(-1)?.["ready"], "the Job to be followed");
    const guarded = firstOf(({ verb, resource }) => verb === "delete" && resource === "jobs");
    cluster.api.fault = (call) => (guarded(call) ? { status: 403, message: "guarded" } : null);
    task.stop("cancelled");
    await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
    expect(rig.log.lines.filter(({ level }) => level === "warn")).toMatchObject([
      { message: "cannot stop the task's Job", fields: { why: expect.stringMatching(/guarded/) } },
    ]);
    expect(cluster.jobs()).toHaveLength(1);
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to be deleted");
  });

  test("that is cancelled while the API server is away for a moment is stopped when it is back", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    await eventually(() => task.handles.at(-1)?.["ready"], "the Job to be followed");
    const away = firstOf(({ verb, resource }) => verb === "delete" && resource === "jobs");
    cluster.api.fault = (call) => (away(call) ? { status: 503 } : null);
    task.stop("cancelled");
    await cluster.api.until(() => cluster.podOf(name).metadata.deletionTimestamp, "the pod to be ending");
    cluster.reap(name);
    await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
    expect(rig.log.said("warn")).toEqual([]);
  });

  test("without cleanup, a completed Job stays, marked as reported", async () => {
    const rig = await KubernetesRig.start(cluster, { cleanup: false });
    const task = rig.run("t-1");
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    await task.ended;
    rig.reported(task);
    await rig[Symbol.asyncDispose]();
    expect(cluster.jobs().map(({ metadata }) => metadata.labels["oz-ended"])).toEqual(["true"]);
  });

  test("without cleanup, a cancelled Job ends and stays", async () => {
    await using rig = await KubernetesRig.start(cluster, { cleanup: false });
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    task.stop("cancelled");
    let over = false;
    task.ended.catch(() => {
      over = true;
    });
    await cluster.api.until(() => cluster.jobs()[0]?.spec.activeDeadlineSeconds === 1, "the deadline");
    for (let turn = 0; turn < 3; turn++) await cluster.turn();
    expect(over).toBe(false);
    cluster.api.store.delete("pods", cluster.podOf(name).metadata.name);
    await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
    expect(cluster.jobs()).toHaveLength(1);
  });
});

describe("a pod without a node, where the worker's clock is not the cluster's", () => {
  const setUnschedulable = (job: string) => {
    const condition = {
      type: "PodScheduled",
      reason: "Unschedulable",
      lastTransitionTime: cluster.api.now(),
    };
    cluster.setPod(job, { phase: "Pending", conditions: [{ ...condition, status: "False" }] });
  };

  test("has all of its time, though it seems to wait for longer: a worker whose clock was ahead failed it at once", async () => {
    cluster.api.clockAheadMs = -60_000;
    await using rig = await KubernetesRig.start(cluster, { settings: { unschedulableTimeoutMs: 30_000 } });
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    setUnschedulable(name);
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the Job to be followed");
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
  });

  test("has no more than its time, though it seems to wait since tomorrow", async () => {
    cluster.api.clockAheadMs = 86_400_000;
    await using rig = await KubernetesRig.start(cluster, { settings: { unschedulableTimeoutMs: 100 } });
    const task = rig.run("t-1");
    setUnschedulable((await cluster.jobOf("t-1")).metadata.name);
    await expect(task.ended).rejects.toMatchObject({ reason: "unschedulable" });
  });
});
