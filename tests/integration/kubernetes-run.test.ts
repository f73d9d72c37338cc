/** A task's way through the Kubernetes backend, against an API server that does what it is told. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ApiCall } from "../support/fake-api-server.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { KubernetesRig } from "../support/kubernetes-rig.ts";
import { eventually } from "../support/wait.ts";

let cluster: FakeCluster;

beforeEach(async () => {
  cluster = await FakeCluster.start();
});

afterEach(() => cluster[Symbol.asyncDispose]());

const once = (matches: (call: ApiCall) => boolean) => {
  let left = 1;
  return (call: ApiCall) => matches(call) && left-- > 0;
};
const creates = (resource: string) => (call: ApiCall) =>
  call.verb === "create" &&
  call.resource === resource &&
  !call.query.has("dryRun") &&
  !String(call.body.metadata.name).startsWith("oz-preflight");

describe("a task on Kubernetes", () => {
  test("is a Job that is deleted only after its result is safe", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { metadata } = await cluster.jobOf("t-1");
    cluster.complete(metadata.name);
    expect(await task.ended).toBe("completed");
    expect(cluster.jobs()).toHaveLength(1);
    rig.backend.forget(task);
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
    rig.backend.forget(task);
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
    rig.backend.forget(task);
    await cluster.api.until(() => cluster.jobs()[0]?.metadata.labels["oz-ended"], "the mark");
    expect(cluster.jobs()[0].spec.activeDeadlineSeconds).toBeUndefined();
    const output = rig.log.lines.filter(({ message }) => message === "task output");
    expect(output.map(({ fields }) => [fields["container"], fields["text"]])).toEqual([
      ["task", "the agent said"],
      ["task", "two lines"],
    ]);
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
      rig.backend.forget(task);
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
    rig.backend.forget(task);
    await rig[Symbol.asyncDispose]();
    expect(cluster.api.store.get("jobs", name).metadata.labels["oz-ended"]).toBe("true");
    expect(cluster.api.store.list("leases")).toEqual([]);
  });

  for (const status of [409, 410, 401]) {
    // A Job that was not marked was taken up by the next worker of the id, and reported a second time.
    test(`whose Job cannot be marked as reported at first is marked all the same: ${status}`, async () => {
      await using rig = await KubernetesRig.start(cluster);
      const task = rig.run("t-1");
      const { name } = (await cluster.jobOf("t-1")).metadata;
      cluster.fail(name, 7);
      await expect(task.ended).rejects.toMatchObject({ reason: "container_exit" });
      const refused = once((call) => call.verb === "patch" && call.resource === "jobs");
      cluster.api.fault = (call) => (refused(call) ? { status, reason: "Conflict" } : null);
      rig.backend.forget(task);
      const marked = () => cluster.api.store.get("jobs", name).metadata.labels["oz-ended"] === "true";
      await cluster.api.until(marked, "the mark");
    });
  }

  test("that is seen to fail before its Job has is no reason to end the Job, for its pod would go with it", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    const terminated = { exitCode: 3, reason: "Error" };
    cluster.setPod(name, { phase: "Running", containerStatuses: [{ name: "task", state: { terminated } }] });
    await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 3 });
    rig.backend.forget(task);
    cluster.fail(name, 3);
    await cluster.api.until(() => cluster.jobs()[0]?.metadata.labels["oz-ended"], "the mark");
    expect(cluster.jobs()[0].spec.activeDeadlineSeconds).toBeUndefined();
  });

  test("that fails while its Job goes on takes the Job's time away, so that it cannot start later", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    const waiting = { reason: "ImagePullBackOff", message: "no such image" };
    cluster.setPod(name, { phase: "Pending", containerStatuses: [{ name: "task", state: { waiting } }] });
    await expect(task.ended).rejects.toMatchObject({ reason: "image_pull" });
    rig.backend.forget(task);
    await cluster.api.until(() => cluster.jobs()[0]?.spec.activeDeadlineSeconds === 1, "the deadline");
  });

  test("whose Job ends and is deleted in one breath is still reported as it ended", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
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
    expect(deletion.body.gracePeriodSeconds).toBeUndefined();
    await cluster.api.until(() => cluster.podOf(name).metadata.deletionTimestamp, "the pod to be ending");
    expect(over).toBe(false);
    expect(task.handles.at(-1)).toMatchObject({ stopping: "cancelled" });
    cluster.reap(name);
    await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
  });

  test("without cleanup, a cancelled Job ends and stays", async () => {
    await using rig = await KubernetesRig.start(cluster, { cleanup: false });
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    task.stop("cancelled");
    await cluster.api.until(() => cluster.jobs()[0]?.spec.activeDeadlineSeconds === 1, "the deadline");
    cluster.api.store.delete("pods", cluster.podOf(name).metadata.name);
    await expect(task.ended).rejects.toMatchObject({ why: "cancelled" });
    expect(cluster.jobs()).toHaveLength(1);
  });

  test("is created once the API server is back, when that was away for a moment", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await cluster.api.away();
    const task = rig.run("t-1");
    await eventually(() => rig.log.said("warn").some((line) => line.includes("did not take it")), "a try");
    await cluster.api.listen();
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    expect(await task.ended).toBe("completed");
  });

  // Seen with a real one under load: it answers before its admission plugins know the namespaces again.
  test("is not failed by what an API server says that has only just come back", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const unsettled = once(creates("jobs"));
    const message = "jobs.batch is forbidden: not yet ready to handle request";
    cluster.api.fault = (call) => (unsettled(call) ? { status: 403, message } : null);
    await cluster.api.away();
    const task = rig.run("t-1");
    await eventually(() => rig.log.said("warn").some((line) => line.includes("did not take it")), "a try");
    await cluster.api.listen();
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    expect(await task.ended).toBe("completed");
  });

  test("is not called lost because a proxy has lost its way to the API server", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    await eventually(() => task.handles.at(-1)?.["ready"], "the Job to be followed");
    cluster.api.fault = ({ verb }) => (verb === "get" ? { status: 404, message: "default backend" } : null);
    const gone = { ...cluster.jobs()[0], status: {} };
    cluster.api.sendToWatches("jobs", { type: "DELETED", object: gone });
    await cluster.api.until(() => cluster.api.callsOf("get", "jobs").length > 0, "the question");
    cluster.api.fault = () => null;
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
  });

  test("is one Job even when the answer to its creation was lost", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const lost = once(creates("jobs"));
    cluster.api.fault = (call) => (lost(call) ? "lost" : null);
    const task = rig.run("t-1");
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    expect(await task.ended).toBe("completed");
    expect(cluster.jobs()).toHaveLength(1);
  });

  for (const fault of ["half", "page"] as const) {
    // Was failed with `job_create: JSON Parse error`, while its Job ran.
    test(`is one Job even when what answers its creation is not JSON: ${fault}`, async () => {
      await using rig = await KubernetesRig.start(cluster);
      const spoilt = once(creates("jobs"));
      cluster.api.fault = (call) => (spoilt(call) ? fault : null);
      const task = rig.run("t-1");
      cluster.complete((await cluster.jobOf("t-1")).metadata.name);
      expect(await task.ended).toBe("completed");
      expect(cluster.jobs()).toHaveLength(1);
    });
  }

  for (const resource of ["jobs", "secrets"] as const) {
    // Two creates in one moment, in a namespace with a ResourceQuota, and one of them was failed for good.
    test(`is created when a quota was taken from meanwhile: ${resource}`, async () => {
      await using rig = await KubernetesRig.start(cluster);
      let left = 2;
      const collision = { status: 409, reason: "Conflict", message: "the object has been modified" };
      cluster.api.fault = (call) => (creates(resource)(call) && left-- > 0 ? collision : null);
      const task = rig.run("t-1");
      await eventually(() => task.handles.at(-1)?.["ready"] === true, "the task to be ready");
    });
  }

  test("gets its Secret even when the answer to that was lost", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const lost = once(creates("secrets"));
    cluster.api.fault = (call) => (lost(call) ? "lost" : null);
    const task = rig.run("t-1");
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the task to be ready");
    expect(cluster.api.store.list("secrets")).toHaveLength(1);
  });

  test("waits as long as an overloaded API server asks it to", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const busy = once(creates("jobs"));
    const askedAt: number[] = [];
    cluster.api.fault = (call) => {
      if (creates("jobs")(call)) askedAt.push(performance.now());
      return busy(call) ? { status: 429, headers: { "retry-after": "1" } } : null;
    };
    rig.run("t-1");
    await cluster.jobOf("t-1");
    expect((askedAt[1] ?? 0) - (askedAt[0] ?? 0)).toBeGreaterThan(950);
  });

  test("that the API server refuses fails with the server's words, and leaves nothing behind", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.fault = (call) =>
      creates("jobs")(call) ? { status: 403, message: "exceeded quota: pods=0" } : null;
    await expect(rig.run("t-1").ended).rejects.toMatchObject({
      reason: "job_create",
      message: expect.stringMatching(/exceeded quota: pods=0/),
    });
    expect([...cluster.jobs(), ...cluster.api.store.list("secrets")]).toEqual([]);
  });

  test("whose Secret is refused fails, and its Job goes", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.fault = (call) => (creates("secrets")(call) ? { status: 403 } : null);
    const task = rig.run("t-1");
    await expect(task.ended).rejects.toMatchObject({ reason: "job_create" });
    rig.backend.forget(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to go");
  });

  test("whose Secret a policy refuses in its own words is failed without the values that it quotes", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const quoted = Buffer.from("very-secret").toString("base64");
    const refuses = once(creates("secrets"));
    cluster.api.fault = (call) =>
      refuses(call) ? { status: 403, message: `denied: {"v1":"${quoted}"}` } : null;
    const task = rig.run("t-1", "e-1", { TASK_ID: "t-1", TOKEN: "very-secret" });
    const words = await task.ended.then(String, String);
    expect(words).toContain('denied: {"v1":"***"}');
    expect(words).not.toContain(quoted);
  });

  test("runs again after an earlier run of it was reported and left its Job", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const first = rig.run("t-1", "");
    cluster.fail((await cluster.jobOf("t-1")).metadata.name, 1);
    await first.ended.catch(() => {});
    rig.backend.forget(first);
    const uid = await cluster.api.until(() => {
      const [job] = cluster.jobs();
      return job?.metadata.labels["oz-ended"] && job.metadata.uid;
    }, "the mark");
    const second = rig.run("t-1", "");
    const { name } = await cluster.api.until(() => {
      const [job] = cluster.jobs();
      return job && job.metadata.uid !== uid && job.metadata;
    }, "another Job");
    cluster.complete(name);
    expect(await second.ended).toBe("completed");
  });

  test("does not touch a Job of its name that somebody else made", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = rig.run("t-1", "e-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    cluster.complete(name);
    await task.ended;
    cluster.api.store.patch("jobs", name, { metadata: { annotations: null } });
    await expect(rig.run("t-1", "e-1").ended).rejects.toMatchObject({
      reason: "job_create",
      message: expect.stringMatching(/already exists.*delete/),
    });
    expect(cluster.jobs()).toHaveLength(1);
  });
});

// It ended with an error and status 1, for a Lease that could not be created because nobody waited for it any more.
test("a start that is called off while its Lease is created ends with the reason for that", async () => {
  const stopping = new AbortController();
  const reason = new Error("stopped by the test");
  const createsLease = creates("leases");
  cluster.api.fault = (call) => {
    if (!createsLease(call)) return null;
    stopping.abort(reason);
    return "cut";
  };
  const start = KubernetesRig.start(cluster, { signal: stopping.signal });
  expect(await start.catch((error: unknown) => error)).toBe(reason);
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
