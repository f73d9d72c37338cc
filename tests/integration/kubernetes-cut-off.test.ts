/** What a worker makes of its Jobs that was cut off from its cluster for longer than its Lease lasts, and is back. */
import { describe, expect, jest, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, aMinute, adopting, completesTaken } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

/** A task of the worker `one`, which is cut off, and its heir `two`, with what that one takes. */
async function cutOffTask() {
  const { task, name } = await runningTask(await worker("one"), "t-1");
  const two = await worker("two");
  const { tasks } = adopting(two);
  cutOff.add("Bearer one");
  cluster.api.cutWatches();
  return { task, name, two, tasks };
}

/** Whose Job `two` has taken, seen to its end and deleted, while `one` was cut off; it still is. */
async function cutOffUntilEnded() {
  const { task, name, two, tasks } = await cutOffTask();
  await completesTaken(two, tasks, name);
  return task;
}

describe("of two workers of one id", () => {
  test("one that was only cut off learns that its Job was taken, and does not report it", async () => {
    const { task, name, tasks } = await cutOffTask();
    await passTime(cluster, () => tasks.length === 1);
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    cluster.complete(name);
    expect(await passTimeFor(cluster, tasks[0]?.ended ?? Promise.reject())).toBe("completed");
  });

  test("one that comes back after its Job was taken, ended and deleted does not call it lost", async () => {
    const task = await cutOffUntilEnded();
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  });

  // Both told of the failure where the pod was seen first. What is marked looks as if it were gone: no watch shows it.
  test.each([
    ["pods", "jobs"],
    ["jobs", "pods"],
  ])(
    "one that comes back, and sees %s first, after its Job was taken and has failed, leaves that to the other",
    async (_first, later) => {
      const { task, name, two, tasks } = await cutOffTask();
      const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
      cluster.fail(name, 3);
      await expect(passTimeFor(cluster, taken?.ended ?? Promise.reject())).rejects.toMatchObject({
        exitCode: 3,
      });
      two.reported(taken ?? { taskId: "", executionId: "" });
      await passTime(cluster, () => cluster.api.store.get("jobs", name).metadata.labels["oz-ended"]);
      cluster.api.store.compact();
      cluster.api.fault = ({ verb, resource }) => (verb !== "get" && resource === later ? "cut" : null);
      expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    },
  );

  // It asked its Lease once, got no answer, and reported a task as failed that the other had reported as completed.
  test("one that comes back so does not call its Job lost for an answer that it does not get at once", async () => {
    const task = await cutOffUntilEnded();
    cluster.api.store.compact();
    let asksForJob = false;
    let unanswered = 0;
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (headers["authorization"] !== "Bearer one") return null;
      asksForJob ||= verb === "get" && resource === "jobs";
      return asksForJob && verb === "patch" && resource === "leases" && ++unanswered < 3 ? "cut" : null;
    };
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    expect(unanswered).toBeGreaterThan(1);
  });

  // The other had not waited until this one was dead: the control plane gave it the task.
  test("one that comes back after its Job was given to another, ended and deleted does not call it lost", async () => {
    const one = await worker("one");
    const { task, name } = await runningTask(one, "t-1");
    const { task: unlucky, name: deleted } = await runningTask(one, "t-2");
    const two = await worker("two");
    cutOff.add("Bearer one");
    cluster.api.cutWatches();
    const given = two.run("t-1");
    await passTime(cluster, () => given.handles.at(-1)?.["ready"], { stepMs: 10 });
    cluster.api.store.quietly(() => {
      cluster.complete(name);
      cluster.reap(name);
      cluster.reap(deleted);
    });
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    await expect(passTimeFor(cluster, unlucky.ended)).rejects.toMatchObject({ reason: "job_failed" });
    expect(one.log.said("warn")).not.toContain(
      "another worker took this one for dead, because its Lease was not renewed in time",
    );
  });

  test("one whose Job goes, and that cannot read its own Lease, does call it lost", async () => {
    const one = await worker("one");
    const { task, name } = await runningTask(one, "t-1");
    cluster.api.fault = ({ resource }) => (resource === "leases" ? { status: 403 } : null);
    cluster.reap(name);
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({ reason: "job_failed" });
    cluster.api.fault = () => null;
  });

  // It was reported as failed: "was deleted before it ended, and not by this worker".
  test("one that is cancelled while it asks whether another had its Job says so, and not that the Job failed", async () => {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    cluster.reap(name);
    let asked = 0;
    cluster.api.fault = ({ verb, resource }) =>
      verb === "patch" && resource === "leases" && ++asked > 0 ? { status: 503 } : null;
    await passTime(cluster, () => asked > 1);
    task.stop("cancelled");
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({ why: "cancelled" });
    cluster.api.fault = () => null;
  });

  // Its watch may begin anew, and then shows nothing of what was: only the Lease tells.
  test("one that comes back to no Job, and whose Lease is another's, does not call it lost, and has its Lease again", async () => {
    const { store } = cluster.api;
    const one = await worker("one");
    const { task, name } = await runningTask(one, "t-1");
    const [lease] = store.list("leases");
    cutOff.add("Bearer one");
    cluster.api.cutWatches();
    store.quietly(() => {
      store.patch("leases", lease.metadata.name, { spec: { holderIdentity: "two" } });
      cluster.reap(name);
    });
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    expect(store.get("leases", lease.metadata.name).spec.holderIdentity).toBe(lease.spec.holderIdentity);
    const words = "another worker took this one for dead, because its Lease was not renewed in time";
    await aMinute();
    expect(one.log.said("warn").filter((line) => line === words)).toHaveLength(1);
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

// In four of fourteen outages of a minute, whoever of two looked first when that was over took the other's Jobs.
test("workers that were all cut off, as from an API server that was away, do not take each other for dead", async () => {
  const one = await worker("one");
  await runningTask(one, "t-1");
  const { orphans } = adopting(await worker("two"));
  /** When the one that looks has just seen the other's Lease. */
  const look = async () => {
    const looks = cluster.api.callsOf("list", "leases").length;
    await passTime(cluster, () => cluster.api.callsOf("list", "leases").length > looks);
    for (let turn = 0; turn < 5; turn++) await cluster.turn();
  };
  await look();
  await look();
  cutOff.add("Bearer one").add("Bearer two");
  cluster.api.cutWatches();
  await aMinute();
  // It is back before the other has renewed that.
  cutOff.delete("Bearer two");
  await look();
  cutOff.clear();
  await aMinute();
  expect(orphans).toEqual([]);
  expect(one.log.said("warn")).not.toContain(
    "another worker took this one for dead, because its Lease was not renewed in time",
  );
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

  // Whoever takes a dead worker's Jobs keeps its Lease for a day, and no longer.
  test("since its machine fell asleep a day ago does not call its Job lost: it may have been taken", async () => {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    away();
    deleteLease();
    cluster.api.store.quietly(() => cluster.reap(name));
    jest.setSystemTime(Date.now() + 86_400_000);
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  });

  test("learns from the one that the other made for it that its Job was taken", async () => {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    away();
    deleteLease();
    const two = await worker("two");
    const { tasks } = adopting(two);
    await completesTaken(two, tasks, name);
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  });
});
