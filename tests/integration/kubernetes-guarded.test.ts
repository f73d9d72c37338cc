/** A Job that a policy guards against another worker's name: whoever had it tells of it. */
import { describe, expect, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, instanceOf, aMinute, adopting, completesTaken } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

/** From now on; `isGuarded` false: no more. */
function guard(job: string) {
  const policy = { isGuarded: true, refusals: 0 };
  cluster.api.fault = ({ verb, resource, name, headers }) => {
    if (cutOff.has(String(headers["authorization"]))) return "cut";
    if (verb !== "patch" || resource !== "jobs" || name !== job || !policy.isGuarded) return null;
    policy.refusals++;
    return { status: 403, reason: "Forbidden", message: "a policy denies it" };
  };
  return policy;
}

/** A task of the worker `one`, which is out of sight, and whose Job `two` was refused. */
async function refusedTask() {
  const { task, name } = await runningTask(await worker("one"), "t-1");
  const two = await worker("two");
  const policy = guard(name);
  const { tasks } = adopting(two);
  cutOff.add("Bearer one");
  cluster.api.cutWatches();
  await passTime(cluster, () => policy.refusals > 0);
  await aMinute();
  return { task, name, two, tasks, policy };
}

const lost = { reason: "job_failed" };

describe("of two workers of one id, of which one was refused the other's Job", () => {
  // The Job stood in the Lease as taken: nobody told of its task.
  test("the other does not leave that to it when it is started again, and the Job is gone", async () => {
    const { task, name, tasks } = await refusedTask();
    cluster.reap(name);
    const resumed = (await worker("next")).resume("t-1", task.handles.at(-1) ?? null);
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject(lost);
    expect(tasks).toEqual([]);
  });

  test("the other does not leave that to it either when it was only cut off", async () => {
    const { task, name } = await refusedTask();
    cluster.api.store.quietly(() => cluster.reap(name));
    cutOff.clear();
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject(lost);
  });

  test("the other does leave it to that one once it is allowed to have it", async () => {
    const { task, name, two, tasks, policy } = await refusedTask();
    policy.isGuarded = false;
    await completesTaken(two, tasks, name);
    const resumed = (await worker("next")).resume("t-1", task.handles.at(-1) ?? null);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
    cutOff.clear();
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  });
});

describe("the next worker, with the journal of a killed one whose Job a policy guards", () => {
  /** Followed by that next one, which looks for Jobs of dead workers as well. */
  async function followedTask() {
    const { task, name } = await runningTask(await worker("one"), "t-1");
    cutOff.add("Bearer one");
    const policy = guard(name);
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    await passTime(cluster, () => policy.refusals > 0);
    return { next, resumed, name, policy };
  }

  // Told was that it could not be taken up, and might still run, although how it ended could be read.
  test("waits for its end", async () => {
    const { resumed, name } = await followedTask();
    const owner = instanceOf(name);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
    expect(instanceOf(name)).toBe(owner);
  });

  test("goes on with that when it is allowed to have the Job, as one of a dead worker", async () => {
    const { next, resumed, name, policy } = await followedTask();
    const owner = instanceOf(name);
    const { orphans } = adopting(next, "running");
    policy.isGuarded = false;
    await passTime(cluster, () => orphans.length === 1);
    expect(instanceOf(name)).not.toBe(owner);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });
});
