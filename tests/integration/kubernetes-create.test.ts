/** How a task's Job comes to be, and its Secret, at an API server that is away, busy, or says no. */
import { describe, expect, jest, test } from "bun:test";
import { type ApiCall, type Fault, firstOf } from "../support/fake-api-server.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import {
  eachTestHasCluster,
  KubernetesRig,
  passTime,
  passTimeFor,
  type RiggedTask,
} from "../support/kubernetes-rig.ts";
import { eventually } from "../support/wait.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

const creates = (resource: string) => (call: ApiCall) =>
  call.verb === "create" &&
  call.resource === resource &&
  !call.query.has("dryRun") &&
  !String(call.body.metadata.name).startsWith("oz-preflight");

async function runsWhenBack(rig: KubernetesRig): Promise<void> {
  await cluster.api.away();
  const task = rig.run("t-1");
  await eventually(() => rig.log.said("warn").some((line) => line.includes("did not take it")), "a try");
  await cluster.api.listen();
  cluster.complete((await cluster.jobOf("t-1")).metadata.name);
  expect(await task.ended).toBe("completed");
}

/** A task whose Job is there, and that was failed because nothing was heard of the API server since. */
async function unheard(rig: KubernetesRig): Promise<RiggedTask> {
  const lost = firstOf(creates("jobs"));
  cluster.api.fault = (call) => (lost(call) ? "lost" : "cut");
  jest.useFakeTimers();
  const task = rig.run("t-1", "");
  let why: unknown;
  task.ended.catch((error: unknown) => {
    why = error;
  });
  await passTime(cluster, () => why, { stepMs: 1_000, mostMs: 200_000 });
  expect(why).toMatchObject({ reason: "job_create" });
  expect(cluster.jobs()).toHaveLength(1);
  return task;
}

describe("a task on Kubernetes", () => {
  test("is created once the API server is back, when that was away for a moment", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await runsWhenBack(rig);
  });

  // Seen with a real one under load: it answers before its admission plugins know the namespaces again.
  test("is not failed by what an API server says that has only just come back", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const unsettled = firstOf(creates("jobs"));
    const message = "jobs.batch is forbidden: not yet ready to handle request";
    cluster.api.fault = (call) => (unsettled(call) ? { status: 403, message } : null);
    await runsWhenBack(rig);
  });

  // A worker that was held up meanwhile made no call in vain, and took the roles that were not loaded yet for its own.
  test("is not failed by what such a server says when only the watches were cut", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const watches = () => cluster.api.openWatches === 2;
    await cluster.api.until(watches, "two watches");
    const unsettled = firstOf(creates("jobs"));
    const message = "jobs.batch is forbidden: RBAC: role not found";
    cluster.api.fault = (call) => (unsettled(call) ? { status: 403, message } : null);
    cluster.api.cutWatches();
    await cluster.api.until(watches, "two others");
    const task = rig.run("t-1");
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
    const lost = firstOf(creates("jobs"));
    cluster.api.fault = (call) => (lost(call) ? "lost" : null);
    const task = rig.run("t-1");
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    expect(await task.ended).toBe("completed");
    expect(cluster.jobs()).toHaveLength(1);
  });

  // It was failed with the quota's words, and its Job stayed, which nobody followed.
  test("is one Job even when a quota that this one uses up refuses the try after a lost answer", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const lost = firstOf(creates("jobs"));
    const quota = { status: 403, reason: "Forbidden", message: "exceeded quota: count/jobs.batch=1" };
    cluster.api.fault = (call) => (creates("jobs")(call) ? (lost(call) ? "lost" : quota) : null);
    jest.useFakeTimers();
    const task = rig.run("t-1");
    await passTime(cluster, () => task.handles.at(-1)?.["ready"]);
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
  });

  // Its task was reported as failed, and the Job stayed: without Secrets its agent worked on.
  test("whose creation had no answer for so long that it failed does not run when it was created", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const task = await unheard(rig);
    rig.reported(task);
    cluster.api.fault = () => null;
    const [job] = cluster.jobs();
    const now = () => cluster.api.store.get("jobs", job?.metadata.name);
    await passTime(cluster, () => now().metadata.labels["oz-ended"]);
    expect(now().spec.activeDeadlineSeconds).toBe(1);
  });

  test("is left alone when it is given again, and runs, before anybody could look for the Job of its failed creation", async () => {
    await using rig = await KubernetesRig.start(cluster);
    rig.reported(await unheard(rig));
    cluster.api.store.delete("jobs", cluster.jobs()[0]?.metadata.name);
    cluster.api.fault = ({ verb, resource }) => (verb === "get" && resource === "jobs" ? "cut" : null);
    const again = rig.run("t-1", "");
    await passTime(cluster, () => again.handles.at(-1)?.["ready"]);
    const looks = cluster.api.callsOf("get", "jobs").length;
    cluster.api.fault = () => null;
    await passTime(cluster, () => cluster.api.callsOf("get", "jobs").length > looks);
    await cluster.turn();
    cluster.complete(cluster.jobs()[0]?.metadata.name);
    expect(cluster.jobs()[0]?.spec).not.toHaveProperty("activeDeadlineSeconds");
    expect(await passTimeFor(cluster, again.ended)).toBe("completed");
  });

  for (const fault of ["half", "page", "other"] as const) {
    // Was failed with `job_create: JSON Parse error`, while its Job ran.
    test(`is one Job even when what answers its creation is not the API server's: ${fault}`, async () => {
      await using rig = await KubernetesRig.start(cluster);
      const spoilt = firstOf(creates("jobs"));
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
    const lost = firstOf(creates("secrets"));
    cluster.api.fault = (call) => (lost(call) ? "lost" : null);
    const task = rig.run("t-1");
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the task to be ready");
    expect(cluster.api.store.list("secrets")).toHaveLength(1);
  });

  // Its pod had missed the Secret for more than a minute by then, so it failed in the moment in which that was there.
  test("whose Secret the cluster takes only after more than a minute runs when its pod finds that", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.fault = (call) => (creates("secrets")(call) ? { status: 500, message: "kms is away" } : null);
    jest.useFakeTimers();
    const startedAt = performance.now();
    const task = rig.run("t-1");
    const [job] = await passTime(cluster, () => cluster.jobs().length === 1 && cluster.jobs());
    const { name } = job?.metadata ?? {};
    const waiting = { reason: "CreateContainerConfigError", message: `secret "${name}-env" not found` };
    cluster.setPod(name, { phase: "Pending", containerStatuses: [{ name: "task", state: { waiting } }] });
    await passTime(cluster, () => performance.now() - startedAt > 70_000);
    cluster.api.fault = () => null;
    await passTime(cluster, () => task.handles.at(-1)?.["ready"]);
    cluster.complete(name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
  });

  test("waits as long as an overloaded API server asks it to", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const busy = firstOf(creates("jobs"));
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
    rig.reported(task);
    await cluster.api.until(() => cluster.jobs().length === 0, "the Job to go");
  });

  test("whose Secret a policy refuses in its own words is failed without the values that it quotes", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const quoted = Buffer.from("very-secret").toString("base64");
    const refuses = firstOf(creates("secrets"));
    cluster.api.fault = (call) =>
      refuses(call) ? { status: 403, message: `denied: {"v1":"${quoted}"}` } : null;
    const task = rig.run("t-1", "e-1", { TASK_ID: "t-1", TOKEN: "very-secret" });
    const words = await task.ended.then(String, String);
    expect(words).toContain('denied: {"v1":"***"}');
    expect(words).not.toContain(quoted);
  });

  // An API server that has just come back may refuse what it takes a moment later, and that was told in its own words.
  test("whose Secret is refused at first is tried again, and the values that are quoted are not in the log", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const quoted = Buffer.from("very-secret").toString("base64");
    const faults: Fault[] = [{ status: 403, message: `denied: {"v1":"${quoted}"}` }];
    const away = firstOf(creates("jobs"));
    cluster.api.fault = (call) => {
      if (away(call)) return "lost";
      return creates("secrets")(call) ? (faults.pop() ?? null) : null;
    };
    const task = rig.run("t-1", "e-1", { TASK_ID: "t-1", TOKEN: "very-secret" });
    await eventually(() => task.handles.at(-1)?.["ready"] === true, "the task to be ready");
    const told = rig.log.lines.filter(({ message }) => message.includes("did not take it"));
    expect(told.map(({ fields }) => fields["why"])).toContain('denied: {"v1":"***"}');
  });

  test("has its end when its Job has ended by the time that the answer to its creation is known to be lost", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const lost = firstOf(creates("jobs"));
    cluster.api.fault = (call) => (lost(call) ? "lost" : null);
    const made: string[] = [];
    cluster.api.store.watch(({ type, resource, object }) => {
      if (type !== "ADDED" || resource !== "jobs") return;
      made.push(object.metadata.uid);
      cluster.complete(object.metadata.name);
    });
    expect(await rig.run("t-1", "").ended).toBe("completed");
    expect(cluster.api.callsOf("create", "jobs").filter(creates("jobs")).length).toBeGreaterThan(1);
    expect(made).toHaveLength(1);
  });

  test("has the end of another worker's Job, which that one may not have reported yet", async () => {
    await using one = await KubernetesRig.start(cluster, { instanceId: crypto.randomUUID() });
    const theirs = one.run("t-1", "");
    const { name, uid } = (await cluster.jobOf("t-1")).metadata;
    cluster.complete(name);
    await theirs.ended;
    await using other = await KubernetesRig.start(cluster, { instanceId: crypto.randomUUID() });
    expect(await other.run("t-1", "").ended).toBe("completed");
    expect(cluster.jobs().map((job) => job.metadata.uid)).toEqual([uid]);
  });

  test("of an execution whose Job a worker without journal finds ended does not run a second time", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const first = rig.run("t-1", "e-1");
    const { name, uid } = (await cluster.jobOf("t-1")).metadata;
    cluster.complete(name);
    await first.ended;
    expect(await rig.run("t-1", "e-1").ended).toBe("completed");
    expect(cluster.jobs().map((job) => job.metadata.uid)).toEqual([uid]);
  });

  /** An earlier run of `t-1`, over and done, whose Job is being deleted and held by a finalizer. */
  async function goingJob(rig: KubernetesRig): Promise<string> {
    const first = rig.run("t-1", "");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    cluster.complete(name);
    await first.ended;
    cluster.api.store.patch("jobs", name, { metadata: { deletionTimestamp: cluster.api.now() } });
    return name;
  }

  // Taken for its own, it would have been "completed" without ever running.
  test("waits until an earlier run's Job is gone that is being deleted, and then runs", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const name = await goingJob(rig);
    const second = rig.run("t-1", "");
    await cluster.api.until(() => cluster.api.callsOf("get", "jobs").length > 0, "a look at the old one");
    cluster.api.store.delete("jobs", name);
    await cluster.api.until(() => cluster.jobs().length === 1, "a Job of its own");
    cluster.complete(name);
    expect(await second.ended).toBe("completed");
  });

  test("is told what has its name when an earlier run's Job does not go", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await goingJob(rig);
    jest.useFakeTimers();
    const second = rig.run("t-1", "");
    await expect(passTimeFor(cluster, second.ended)).rejects.toMatchObject({
      reason: "job_create",
      message: expect.stringMatching(/already exists.*delete what has that name/),
    });
  });

  test("does not touch the Job of another execution whose id ends alike", async () => {
    await using rig = await KubernetesRig.start(cluster);
    rig.run("t-1", "first-12345678");
    await cluster.jobOf("t-1");
    await expect(rig.run("t-1", "other-12345678").ended).rejects.toMatchObject({
      reason: "job_create",
      message: expect.stringMatching(/already exists/),
    });
    expect(cluster.jobs()).toHaveLength(1);
  });

  test.each([
    ["", null],
    [", although its status changes in that moment", { status: 409, reason: "Conflict" }],
  ])("that another worker has a Job of is that one's no more%s", async (_when, fault) => {
    const one = await KubernetesRig.start(cluster, { instanceId: crypto.randomUUID() });
    const theirs = one.run("t-1", "e-1");
    const { name } = (await cluster.jobOf("t-1")).metadata;
    await eventually(() => theirs.handles.at(-1)?.["ready"], "the Job to be followed");
    await using other = await KubernetesRig.start(cluster, { instanceId: crypto.randomUUID() });
    const patches = firstOf(({ verb, resource }) => verb === "patch" && resource === "jobs");
    cluster.api.fault = (call) => (fault !== null && patches(call) ? fault : null);
    const ours = other.run("t-1", "e-1");
    expect(await theirs.ended).toBe("handed-off");
    one.reported(theirs);
    await one[Symbol.asyncDispose]();
    cluster.complete(name);
    expect(await ours.ended).toBe("completed");
    expect(cluster.jobs()).toHaveLength(1);
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

// No worker started there.
test("a cluster that takes no Leases runs tasks all the same, and the worker says what it cannot do then", async () => {
  cluster.api.fault = ({ verb, resource }) =>
    verb === "create" && resource === "leases" ? { status: 403, message: "no Leases here" } : null;
  await using rig = await KubernetesRig.start(cluster);
  expect(rig.log.lines.filter(({ level }) => level === "warn")).toMatchObject([
    { fields: { why: "no Leases here" } },
  ]);
  const task = rig.run("t-1");
  cluster.complete((await cluster.jobOf("t-1")).metadata.name);
  expect(await task.ended).toBe("completed");
});
