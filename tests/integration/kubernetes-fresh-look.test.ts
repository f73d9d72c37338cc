/** What is read of a Job before its failure is told, when the API server does not answer in that moment. */
import { describe, expect, jest, spyOn, test } from "bun:test";
import { type ApiCall, type Fault, firstOf } from "../support/fake-api-server.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig, passTime, passTimeFor } from "../support/kubernetes-rig.ts";
import { eventually } from "../support/wait.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

const SHUTDOWN = { phase: "Failed", reason: "NodeShutdown", message: "its node is shut down" };

function failJob(name: string): void {
  const failed = { type: "Failed", status: "True", reason: "BackoffLimitExceeded" };
  cluster.api.store.patch("jobs", name, { status: { failed: 1, conditions: [failed] } });
}

const isEvents = ({ resource }: ApiCall) => resource === "events";
/** Not the list of a watch, which wants those of all tasks. */
const isPods = ({ verb, resource, query }: ApiCall) =>
  verb === "list" && resource === "pods" && /execution-hash/.test(query.get("labelSelector") ?? "");

describe("a Job that failed for a reason which only its events and its pods of now can tell", () => {
  // Nothing ever changes again of a Job that has failed, and the task waited for that without end.
  test.each<readonly [string, (call: ApiCall) => boolean, Fault]>([
    ["its events come as a proxy's page", isEvents, "page"],
    ["its pods come as half an answer", isPods, "half"],
    ["its pods come as a proxy's own JSON", isPods, "other"],
    ["its events come as a proxy's own JSON", isEvents, "other"],
    ["the API server has trouble with its events", isEvents, { status: 500 }],
    ["the API server is too busy for its pods", isPods, { status: 429 }],
    ["the worker's token was renewed in that moment", isPods, { status: 401, reason: "Unauthorized" }],
  ])("is reported although once %s", async (_what, matches, fault) => {
    // Of each pause the least.
    using _soon = spyOn(Math, "random").mockReturnValue(0);
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    const once = firstOf(matches);
    const seen: string[] = [];
    cluster.api.fault = (call) => {
      if (!once(call)) return null;
      seen.push(call.resource);
      return fault;
    };
    // Not seen by the watch before the Job's failure: only a fresh look shows that.
    cluster.api.store.quietly(() => cluster.setPod(name, { phase: "Failed", reason: "Evicted" }));
    failJob(name);
    await expect(task.ended).rejects.toMatchObject({ reason: "evicted" });
    expect(seen).toHaveLength(1);
  });

  test("is reported when the API server that went away just then is back", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    let gone: Promise<void> | null = null;
    cluster.api.fault = (call) => {
      if (!isPods(call)) return null;
      gone ??= cluster.api.away();
      return "cut";
    };
    cluster.setPod(name, SHUTDOWN);
    failJob(name);
    await eventually(() => rig.log.said("warn").length > 0, "the outage to be told");
    await gone;
    cluster.api.fault = () => null;
    await cluster.api.listen();
    await expect(task.ended).rejects.toMatchObject({
      reason: "job_failed",
      message: expect.stringMatching(/NodeShutdown: its node is shut down/),
    });
  });

  test.each([
    ["without the right to read events", { status: 403, reason: "Forbidden" }],
    ["by a server that has no events", { status: 404 }],
  ])("is reported at once %s", async (_why, fault) => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.api.fault = (call) => (isEvents(call) ? fault : null);
    cluster.setPod(name, SHUTDOWN);
    failJob(name);
    await expect(task.ended).rejects.toMatchObject({ reason: "job_failed" });
    expect(cluster.api.calls.filter(isPods)).toHaveLength(1);
  });

  // It was told as the Job's own failure: without an owner its pod was none, and events were asked for by a uid.
  test("is reported by an event that names its pod alone, whose owner nobody tells", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    const pod = cluster.podOf(name).metadata.name;
    const involvedObject = { name: pod };
    cluster.api.store.create("events", { metadata: { name: "e" }, involvedObject, reason: "FailedMount" });
    cluster.api.store.patch("pods", pod, {
      metadata: { ownerReferences: null },
      status: { phase: "Failed" },
    });
    failJob(name);
    await expect(task.ended).rejects.toMatchObject({ reason: "volume_mount" });
    const asked = cluster.api.calls.filter(isEvents).map(({ query }) => query.get("fieldSelector"));
    expect(asked).toContain(`involvedObject.name=${pod}`);
  });

  // The minute of patience was counted from the first of both, and the second was told at once from an old view.
  test("is looked at again although a look failed long ago too, before its pod ran", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.api.fault = (call) => (isEvents(call) ? { status: 500 } : null);
    jest.useFakeTimers();
    const lastTransitionTime = new Date(Date.now() - 20_000).toISOString();
    const scheduled = { type: "PodScheduled", status: "True", lastTransitionTime };
    cluster.setPod(name, { phase: "Pending", conditions: [scheduled] });
    await passTime(cluster, () => rig.log.said("debug").some((line) => /cannot read the events/.test(line)));
    cluster.setPod(name, { phase: "Running" });
    const ranAt = performance.now();
    await passTime(cluster, () => performance.now() - ranAt > 120_000, { stepMs: 5_000, mostMs: 130_000 });
    const once = firstOf(isPods);
    cluster.api.fault = (call) => (once(call) ? { status: 500 } : null);
    cluster.api.store.quietly(() => cluster.setPod(name, { phase: "Failed", reason: "Evicted" }));
    failJob(name);
    const reason = task.ended.then(String, (why: { reason?: unknown }) => why.reason);
    expect(await passTimeFor(cluster, reason)).toBe("evicted");
  });

  // Of a store that hangs, the API server or a balancer before it says nothing at all: the task was never reported.
  test.each<readonly [string, Fault]>([
    ["of which the server has its own trouble", { status: 500 }],
    ["for which it has no answer", "cut"],
  ])(
    "is reported after a minute without events, %s: their store may be away for hours",
    async (_how, fault) => {
      await using rig = await KubernetesRig.start(cluster);
      const { task, name } = await rig.follow();
      cluster.api.fault = (call) => (isEvents(call) ? fault : null);
      let endedAt = 0;
      task.ended.catch(() => {
        endedAt = performance.now();
      });
      jest.useFakeTimers();
      // Not seen by the watch: what the look did bring is told.
      cluster.api.store.quietly(() => cluster.setPod(name, SHUTDOWN));
      failJob(name);
      const startedAt = performance.now();
      await passTime(cluster, () => endedAt > 0, { stepMs: 1_000 });
      expect(endedAt - startedAt).toBeWithin(60_000, 80_000);
      await expect(task.ended).rejects.toMatchObject({
        reason: "job_failed",
        message: expect.stringMatching(/NodeShutdown: its node is shut down/),
      });
    },
  );
});

// They had all the places for calls that there are: no Job was created, and the worker's Lease ran out.
test("tasks that wait for events of which nothing is heard hold up no other task", async () => {
  await using rig = await KubernetesRig.start(cluster);
  await cluster.api.until(() => cluster.api.openWatches === 2, "two watches");
  cluster.api.fault = (call) => (isEvents(call) ? "silence" : null);
  const tasks = Array.from({ length: 40 }, (_, at) => rig.run(`t-${at}`));
  for (const { taskId } of tasks) failJob((await cluster.jobOf(taskId)).metadata.name);
  await cluster.api.until(() => cluster.api.callsOf("list", "events").length >= 32, "events to be asked for");
  const other = rig.run("other");
  cluster.complete((await cluster.jobOf("other")).metadata.name);
  expect(await other.ended).toBe("completed");
  for (const task of tasks) task.stop("cancelled");
});
