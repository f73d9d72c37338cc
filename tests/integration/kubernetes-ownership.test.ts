/** Whose Job it is, when workers of one id come, go, die, and are taken for dead. */
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import type { Adoption, Orphan } from "../../src/task/backend.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { KubernetesRig, passTime, passTimeFor, type RigOptions } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
/** Workers that are cut off from the API server, by their token. */
let cutOff: Set<string>;
let rigs: KubernetesRig[];

beforeEach(async () => {
  cluster = await FakeCluster.start();
  cutOff = new Set();
  rigs = [];
  cluster.api.fault = ({ headers }) => (cutOff.has(String(headers["authorization"])) ? "cut" : null);
  jest.useFakeTimers();
});

afterEach(async () => {
  cutOff.clear();
  for (const rig of rigs) await passTimeFor(cluster, rig[Symbol.asyncDispose]());
  jest.useRealTimers();
  await cluster[Symbol.asyncDispose]();
});

/** A worker that is known by its name to `cutOff`, as `Bearer NAME`. */
async function worker(name: string, options: RigOptions = {}): Promise<KubernetesRig> {
  const kubeconfig = await cluster.kubeconfig({ token: name }, {}, name);
  const rig = await passTimeFor(
    cluster,
    KubernetesRig.start(cluster, { ...options, settings: { ...options.settings, kubeconfig } }),
  );
  rigs.push(rig);
  return rig;
}

async function runningTask(rig: KubernetesRig, taskId: string, executionId?: string) {
  const task = rig.run(taskId, executionId);
  await passTime(cluster, () => task.handles.at(-1)?.["ready"], { stepMs: 10 });
  const { name } = (await cluster.jobOf(taskId)).metadata;
  return { task, name };
}

/** Takes up whatever it is offered, as the scheduler does. */
function adopting(rig: KubernetesRig, answer: Adoption = "taken") {
  const orphans: Orphan[] = [];
  const tasks: ReturnType<KubernetesRig["resume"]>[] = [];
  rig.findOrphans((orphan) => {
    orphans.push(orphan);
    if (answer === "taken") tasks.push(rig.resume(orphan.taskId, orphan.handle, orphan.executionId));
    return answer;
  });
  return { orphans, tasks };
}

/** Undefined until it has failed; what it failed with. */
function settled(work: Promise<unknown>): unknown {
  const known = failures.get(work);
  if (known === undefined) {
    failures.set(work, { error: undefined });
    work.catch((error: unknown) => failures.set(work, { error }));
  }
  return known?.error;
}
const failures = new WeakMap<Promise<unknown>, { readonly error: unknown }>();

const instanceOf = (job: string) => cluster.api.store.get("jobs", job).metadata.labels["oz-instance"];
const aMinute = () => {
  const until = performance.now() + 60_000;
  return passTime(cluster, () => performance.now() >= until, { stepMs: 1000 });
};

describe("the next worker, with the journal of a killed one", () => {
  test("makes its Job its own and waits for its end", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "T/1", "E 1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    const resumed = next.resume("T/1", task.handles.at(-1) ?? null, "E 1");
    await passTime(cluster, () => resumed.handles.at(-1)?.["formerInstance"]);
    await passTime(cluster, () => instanceOf(name) === resumed.handles.at(-1)?.["instance"]);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  test("finds it too when it was killed between noting the new owner and writing it to the Job", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const handle = task.handles.at(-1) ?? {};
    const noted = { ...handle, instance: "died-in-between", formerInstance: handle["instance"] ?? null };
    const next = await worker("next");
    const resumed = next.resume("t-1", noted);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  test("hides the values that stand in its Job, as that of a task it was given would be", async () => {
    const settings = { taskEnvSecret: "never" } as const;
    const old = await worker("old", { settings });
    const task = old.run("t-1", "e-1", { TASK_ID: "t-1", TOKEN: "very-secret" });
    await passTime(cluster, () => task.handles.at(-1)?.["uid"], { stepMs: 10 });
    cutOff.add("Bearer old");
    const resumed = (await worker("next", { settings })).resume("t-1", task.handles.at(-1) ?? null, "e-1");
    await passTime(cluster, () => resumed.hidden.includes("very-secret"));
  });

  test("leaves a Job alone that another worker has taken over in between", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    cluster.api.store.patch("jobs", name, { metadata: { labels: { "oz-instance": "a-sibling" } } });
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
    expect(instanceOf(name)).toBe("a-sibling");
  });

  test.each([
    ["before it had saved anything", null, "unknown", /before it had started/],
    // Once it was "safe to retry" as well, while what the other backend had begun went on.
    ["under another backend", { job: null, container: "c" }, "unknown", /another backend.*may still run/],
    ["before the Job was there", { uid: null, ready: false }, "unknown", /before it had created/],
    // Called deleted, while it went on in the namespace of before.
    ["in another namespace", { namespace: "before" }, "job_watch", /in namespace "before".*may still run/],
    ["and the Job was deleted meanwhile", {}, "job_failed", /deleted while the worker was away/],
  ] as const)("says what is known when that died %s", async (_when, change, reason, words) => {
    const next = await worker("next");
    const handle = { namespace: "agents", job: "oz-task-x", uid: "u", ready: true, instance: "i" };
    const resumed = next.resume("t-1", change === null ? null : { ...handle, ...change });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({
      reason,
      message: expect.stringMatching(words),
    });
  });

  test("deletes a Job whose Secret was never made, since it could not run", async () => {
    const old = await worker("old");
    const { task } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    const resumed = next.resume("t-1", { ...task.handles.at(-1), ready: false });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ reason: "unknown" });
    next.backend.forget(resumed);
    await passTime(cluster, () => cluster.jobs().length === 0);
  });

  test("does not call a task failed whose Job runs, for a token that is renewed in this moment", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    let refused = 0;
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      return verb === "get" && resource === "jobs" && ++refused < 4 ? { status: 401 } : null;
    };
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    await passTime(cluster, () => resumed.handles.at(-1)?.["formerInstance"]);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  test("says after a time which Job it may not read, and in whose words", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      return verb === "get" && resource === "jobs" ? { status: 403, message: "cannot get jobs" } : null;
    };
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    const error = await passTime(cluster, () => settled(resumed.ended), { mostMs: 200_000 });
    expect(error).toMatchObject({ reason: "job_watch" });
    expect(String(error)).toContain(`"${name}"`);
    expect(String(error)).toContain("cannot get jobs");
  });

  // Once: the task was reported cancelled while nobody had looked for its Job yet, which ran on.
  test("stops a Job whose task is cancelled before it was found", async () => {
    const old = await worker("old");
    const { task } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    resumed.stop("cancelled");
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ why: "cancelled" });
    next.backend.forget(resumed);
    await passTime(cluster, () => cluster.jobs().length === 0);
  });

  test("knows that a Job which is gone was cancelled", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    cluster.reap(name);
    const next = await worker("next");
    const resumed = next.resume("t-1", { ...task.handles.at(-1), stopping: "cancelled" });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ why: "cancelled" });
  });
});

describe("of two workers of one id", () => {
  test("the one that lives takes over the Jobs of the one that is gone, with their exact ids", async () => {
    const gone = await worker("gone");
    const { name } = await runningTask(gone, "Task/Über 1", "Exec_1");
    const other = await worker("other");
    const { orphans, tasks } = adopting(other);
    cutOff.add("Bearer gone");
    await passTime(cluster, () => tasks.length === 1);
    expect(orphans).toMatchObject([{ taskId: "Task/Über 1", executionId: "Exec_1" }]);
    cluster.complete(name);
    expect(await passTimeFor(cluster, tasks[0]?.ended ?? Promise.reject())).toBe("completed");
  });

  // Its label said that the Job was taken, so that nobody looked at it again, and its task was never reported.
  test("the one that lives reports a Job too when it was not told that it has it now", async () => {
    const [dead, alive] = [await worker("dead"), await worker("alive")];
    const { name } = await runningTask(dead, "t-1");
    let claims = 0;
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      return verb === "patch" && resource === "jobs" && ++claims === 1 ? "lost" : null;
    };
    cutOff.add("Bearer dead");
    const { tasks } = adopting(alive);
    await passTime(cluster, () => tasks.length > 0);
    cluster.complete(name);
    expect(await passTimeFor(cluster, tasks[0]?.ended ?? Promise.reject())).toBe("completed");
  });

  test("the one that lives takes over the rest when one Job is guarded against changes", async () => {
    const [dead, alive] = [await worker("dead"), await worker("alive")];
    const { name } = await runningTask(dead, "t-1");
    await runningTask(dead, "t-2");
    cluster.api.fault = (call) => {
      if (cutOff.has(String(call.headers["authorization"]))) return "cut";
      const guarded = call.verb === "patch" && call.name === name;
      return guarded ? { status: 403, message: "a policy denies it" } : null;
    };
    cutOff.add("Bearer dead");
    const { orphans } = adopting(alive);
    await passTime(cluster, () => orphans.length > 0);
    expect(orphans.map(({ taskId }) => taskId)).toEqual(["t-2"]);
  });

  test("neither touches the other's Jobs while both live", async () => {
    const one = await worker("one");
    const two = await worker("two");
    const [found, foundToo] = [adopting(one), adopting(two)];
    const { name } = await runningTask(one, "t-1");
    await runningTask(two, "t-2");
    const owner = instanceOf(name);
    await aMinute();
    await aMinute();
    expect([...found.orphans, ...foundToo.orphans]).toEqual([]);
    expect(instanceOf(name)).toBe(owner);
  });

  test("one that stops leaves its Jobs to the other at once", async () => {
    const leaving = await worker("leaving");
    await runningTask(leaving, "t-1");
    await passTimeFor(cluster, leaving[Symbol.asyncDispose]());
    rigs.splice(rigs.indexOf(leaving), 1);
    const startedAt = performance.now();
    const { orphans } = adopting(await worker("other"));
    await passTime(cluster, () => orphans.length === 1);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  test("one that stops without Jobs takes its Lease with it", async () => {
    const leaving = await worker("leaving");
    expect(cluster.api.store.list("leases")).toHaveLength(1);
    await passTimeFor(cluster, leaving[Symbol.asyncDispose]());
    expect(cluster.api.store.list("leases")).toHaveLength(0);
  });

  // Each look ended at the first of these: its time is a text, which client-node calls a Date.
  test("the Leases of those that left no Jobs behind go: a released one at once, a dead one's when it is old", async () => {
    const living = await worker("living");
    const { store } = cluster.api;
    const [own] = store.list("leases");
    for (const [name, holderIdentity, renewTime] of [
      ["released", "", "2026-01-01T00:00:00.000000Z"],
      ["dead", "dead", "2026-01-01T00:00:00.000000Z"],
      ["dying", "dying", "2999-01-01T00:00:00.000000Z"],
    ] as const) {
      const labels = { ...own?.metadata.labels, "oz-instance": name };
      store.create("leases", { metadata: { name, labels }, spec: { holderIdentity, renewTime } });
    }
    const names = () => store.list("leases").map(({ metadata }) => metadata.name);
    adopting(living);
    await passTime(cluster, () => !names().includes("released"));
    await passTime(cluster, () => !names().includes("dead"), { stepMs: 5_000, mostMs: 1_500_000 });
    expect(names()).toContain("dying");
    expect(living.log.said("warn")).toEqual([]);
  });

  test("one that was only cut off learns that its Job was taken, and does not report it", async () => {
    const one = await worker("one");
    const { task, name } = await runningTask(one, "t-1");
    const { tasks } = adopting(await worker("two"));
    cutOff.add("Bearer one");
    cluster.api.cutWatches();
    await passTime(cluster, () => tasks.length === 1);
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    cluster.complete(name);
    expect(await passTimeFor(cluster, tasks[0]?.ended ?? Promise.reject())).toBe("completed");
  });

  test("one that comes back after its Job was taken, ended and deleted does not call it lost", async () => {
    const one = await worker("one");
    const { task, name } = await runningTask(one, "t-1");
    const two = await worker("two");
    const { tasks } = adopting(two);
    cutOff.add("Bearer one");
    cluster.api.cutWatches();
    const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
    cluster.complete(name);
    await passTimeFor(cluster, taken?.ended ?? Promise.reject());
    two.backend.forget(taken ?? { taskId: "", executionId: "" });
    await passTime(cluster, () => cluster.jobs().length === 0);
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  });

  test("one that was cut off from its Job, but not replaced, does call it lost", async () => {
    const one = await worker("one");
    const { task, name } = await runningTask(one, "t-1");
    cutOff.add("Bearer one");
    cluster.api.cutWatches();
    cluster.api.store.quietly(() => cluster.reap(name));
    await aMinute();
    cutOff.clear();
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({ reason: "job_failed" });
  });
});

describe("a worker whose Lease is gone", () => {
  const [away, deleteLease] = [
    () => {
      cutOff.add("Bearer one");
      cluster.api.cutWatches();
    },
    () => {
      const [{ metadata }] = cluster.api.store.list("leases");
      cluster.api.store.delete("leases", metadata.name);
    },
  ];

  test("with its Job, as in a namespace that somebody emptied, does call it lost: nobody reported it", async () => {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    deleteLease();
    cluster.reap(name);
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({ reason: "job_failed" });
    expect(cluster.api.store.list("leases")).toHaveLength(1);
  });

  test("does so too after it was cut off for longer than the Lease lasts, as by a cluster's restore", async () => {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    away();
    deleteLease();
    cluster.api.store.quietly(() => cluster.reap(name));
    await aMinute();
    cutOff.clear();
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({ reason: "job_failed" });
  });

  test("learns from the one that the other made for it that its Job was taken", async () => {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    away();
    deleteLease();
    const two = await worker("two");
    const { tasks } = adopting(two);
    const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
    cluster.complete(name);
    await passTimeFor(cluster, taken?.ended ?? Promise.reject());
    two.backend.forget(taken ?? { taskId: "", executionId: "" });
    await passTime(cluster, () => cluster.jobs().length === 0);
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  });
});

test("of three workers, one is gone and each of its Jobs is taken over by one of the others", async () => {
  const gone = await worker("gone");
  const names: string[] = [];
  for (let at = 0; at < 6; at++) names.push((await runningTask(gone, `t-${at}`)).name);
  const [one, two] = [adopting(await worker("one")), adopting(await worker("two"))];
  cutOff.add("Bearer gone");
  await passTime(cluster, () => one.tasks.length + two.tasks.length === names.length);
  await aMinute();
  const taken = [...one.orphans, ...two.orphans].map(({ taskId }) => taskId);
  expect(taken.sort()).toEqual(["t-0", "t-1", "t-2", "t-3", "t-4", "t-5"]);
});

test("a Job whose end its dead worker had reported is cleaned up and not taken up", async () => {
  const gone = await worker("gone");
  const { name } = await runningTask(gone, "t-1");
  cluster.complete(name);
  await passTimeFor(cluster, gone[Symbol.asyncDispose]());
  rigs.splice(rigs.indexOf(gone), 1);
  const { orphans } = adopting(await worker("next"), "ended");
  await passTime(cluster, () => cluster.jobs().length === 0);
  expect(orphans).toHaveLength(1);
});

test("Jobs that this program did not make, and those of other worker ids, are left alone", async () => {
  const foreign = await worker("foreign", { workerId: "another" });
  const { name } = await runningTask(foreign, "t-1");
  const gone = await worker("gone");
  const made = await runningTask(gone, "t-2");
  cluster.api.store.patch("jobs", made.name, { metadata: { annotations: null } });
  cutOff.add("Bearer foreign").add("Bearer gone");
  const before = [instanceOf(name), instanceOf(made.name)];
  const { orphans } = adopting(await worker("other"));
  await aMinute();
  expect(orphans).toEqual([]);
  expect([instanceOf(name), instanceOf(made.name)]).toEqual(before);
});

test("without the right to Leases, Jobs are nobody's to take, which is said once", async () => {
  await cluster[Symbol.asyncDispose]();
  cluster = await FakeCluster.start({ forbidden: ["create leases"] });
  const one = await worker("one");
  const { task, name } = await runningTask(one, "t-1");
  expect(instanceOf(name)).toBeUndefined();
  expect(one.log.said("warn")).toHaveLength(1);
  const next = await worker("next");
  const { orphans } = adopting(next);
  const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
  await aMinute();
  expect(orphans).toEqual([]);
  cluster.complete(name);
  expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
});
