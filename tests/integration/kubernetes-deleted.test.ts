/** What is told of a Job that goes in the moment in which a worker takes it from another. */
import { describe, expect, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, aMinute, adopting } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

/** A task of the worker `one`, which is dead, and beside it `two`; when a worker claims its Job, `goes` has come first. */
async function deadTask(goes: (job: string) => void) {
  const { task, name } = await runningTask(await worker("one"), "t-1");
  const two = await worker("two");
  cutOff.add("Bearer one");
  cluster.api.fault = ({ verb, resource, headers }) => {
    if (cutOff.has(String(headers["authorization"]))) return "cut";
    const isThere = cluster.api.store.get("jobs", name) !== null;
    if (verb === "patch" && resource === "jobs" && isThere) goes(name);
    return null;
  };
  return { task, name, two };
}

const deletes = (job: string) => cluster.reap(job);
const completes = (job: string) => {
  cluster.complete(job);
  cluster.reap(job);
};

describe("a dead worker's Job that goes when another has noted that it takes it, and has not", () => {
  // That one had nothing to follow, and whoever had the dead one's journal left it to that one: nobody told of the task.
  test("is told of by that one where somebody deleted it", async () => {
    const { task, two } = await deadTask(deletes);
    const { orphans, tasks } = adopting(two);
    const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
    await expect(passTimeFor(cluster, taken?.ended ?? Promise.reject())).rejects.toMatchObject({
      reason: "job_failed",
      message: expect.stringContaining("deleted"),
    });
    const resumed = (await worker("next")).resume("t-1", task.handles.at(-1) ?? null);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
    await aMinute();
    expect(orphans).toHaveLength(1);
  });

  test("is told of as cancelled where the dead one had begun with that", async () => {
    const { name, two } = await deadTask(deletes);
    const annotations = { "oz-agent-worker/stopping": "cancelled" };
    cluster.api.store.patch("jobs", name, { metadata: { annotations } });
    const { tasks } = adopting(two);
    const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
    await expect(passTimeFor(cluster, taken?.ended ?? Promise.reject())).rejects.toMatchObject({
      why: "cancelled",
    });
  });

  // Its own worker had been started again, and has told that.
  test.each<[string, (job: string) => void]>([
    ["has ended before", completes],
    [
      "was another's by then",
      (job) => {
        cluster.api.store.patch("jobs", job, { metadata: { labels: { "oz-instance": "another" } } });
        cluster.reap(job);
      },
    ],
    [
      "is missed by a list only, which does not tell how it went",
      (job) => cluster.api.store.quietly(() => deletes(job)),
    ],
  ])("is left to whoever it belonged to where it %s", async (_how, goes) => {
    const { two } = await deadTask(goes);
    const { orphans } = adopting(two);
    await passTime(cluster, () => cluster.jobs().length === 0);
    await aMinute();
    expect(orphans).toEqual([]);
  });
});

// Whoever had it was noted as relieved of it, and who was given the task found nothing to follow.
test("a Job that somebody deletes when its task is given to a second worker is told of by that one", async () => {
  const { task, two } = await deadTask(deletes);
  const given = two.run("t-1");
  await expect(passTimeFor(cluster, given.ended)).rejects.toMatchObject({
    reason: "job_failed",
    message: expect.stringContaining("deleted"),
  });
  const resumed = (await worker("next")).resume("t-1", task.handles.at(-1) ?? null);
  expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
  cutOff.clear();
  expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  expect(cluster.jobs()).toEqual([]);
});

// It had been taken over already, so that nobody else would have looked for it.
test("a Job that somebody deletes while another execution of its task runs here is told of after that one", async () => {
  const { name } = await runningTask(await worker("one"), "t-1");
  const two = await worker("two");
  cutOff.add("Bearer one");
  const { orphans, tasks } = adopting(two, "later", "later");
  await passTime(cluster, () => orphans.length === 1);
  cluster.reap(name);
  const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
  await expect(passTimeFor(cluster, taken?.ended ?? Promise.reject())).rejects.toMatchObject({
    reason: "job_failed",
  });
});
