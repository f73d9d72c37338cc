/** What becomes of the Jobs of a killed worker whose journal the next one has. */
import { describe, expect, test } from "bun:test";
import { builtInEnvironment } from "../../src/task/prepare.ts";
import { firstOf } from "../support/fake-api-server.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, instanceOf, startAnew } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

/** A sibling takes the Job over, which then ends well and is deleted. */
async function endsElsewhere(name: string): Promise<void> {
  const sibling = await worker("sibling");
  const taken: ReturnType<typeof sibling.resume>[] = [];
  sibling.findOrphans(({ taskId, executionId, handle }) => {
    taken.push(sibling.resume(taskId, handle, executionId));
    return "taken";
  });
  const [task] = await passTime(cluster, () => taken.length === 1 && taken);
  cluster.complete(name);
  expect(await passTimeFor(cluster, task?.ended ?? Promise.reject())).toBe("completed");
  sibling.reported(task ?? { taskId: "", executionId: "" });
  await passTime(cluster, () => cluster.jobs().length === 0);
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

  // A quota of Secrets that is used up refuses the question, too: the Job was deleted, and told as safe to retry.
  test("waits for the end of a Job of which it cannot be told whether its Secret is there", async () => {
    const { task, name } = await runningTask(await worker("old"), "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    const spent = { status: 403, reason: "Forbidden", message: "exceeded quota: secrets" };
    cluster.api.fault = ({ verb, resource }) => (verb === "create" && resource === "secrets" ? spent : null);
    const resumed = next.resume("t-1", { ...task.handles.at(-1), uid: null, ready: false });
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  // A worker that had just claimed another's Job, and was killed before it had saved that: the agent was ended.
  test("waits for the end of a Job that has its variables in itself, though its own would have had a Secret", async () => {
    const settings = { taskEnvSecret: "never" } as const;
    const { task, name } = await runningTask(await worker("old", { settings }), "t-1");
    cutOff.add("Bearer old");
    const resumed = (await worker("next")).resume("t-1", { ...task.handles.at(-1), uid: null, ready: false });
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  // Its agent had ended well by then, and that it was safe to retry was told.
  test("waits for the end of its Job also when it was killed before it heard that the Secret was there", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    const away = firstOf(({ verb, resource }) => verb === "create" && resource === "secrets");
    cluster.api.fault = (call) => (away(call) ? { status: 503 } : null);
    const resumed = next.resume("t-1", { ...task.handles.at(-1), ready: false });
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  test("waits for the end of its Job also when its role allows no changes of Jobs any more", async () => {
    const forbidden: string[] = [];
    await startAnew({ forbidden });
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const owner = instanceOf(name);
    forbidden.push("patch jobs");
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
    expect(instanceOf(name)).toBe(owner);
  });

  // Its failure and its log had `***` for each /workspace and each kubernetes in them, and for the control plane's address.
  test("hides the values that stand in its Job, as those of a task it was given would be, and none that all have", async () => {
    const settings = { taskEnvSecret: "never" } as const;
    const old = await worker("old", { settings });
    const environment = { ...builtInEnvironment("t-1", "https://app.example"), TOKEN: "very$$secret" };
    const task = old.run("t-1", "e-1", environment);
    await passTime(cluster, () => task.handles.at(-1)?.["uid"], { stepMs: 10 });
    cutOff.add("Bearer old");
    const resumed = (await worker("next", { settings })).resume("t-1", task.handles.at(-1) ?? null, "e-1");
    await passTime(cluster, () => resumed.hidden.length > 0);
    expect(new Set(resumed.hidden)).toEqual(new Set(["very$$secret"]));
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

  // Each was reported as failed as well, in another's words or as safe to retry, when a killed worker's host was back.
  test.each([
    ["that it followed", {}],
    ["of whose creation it was not told", { uid: null, ready: false }],
    ["that it was about to make its own", { instance: "died-in-between" }],
  ])("does not report a Job %s, which another worker took over and saw to its end", async (_which, known) => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    const handle = task.handles.at(-1) ?? {};
    cutOff.add("Bearer old");
    await endsElsewhere(name);
    const next = await worker("next");
    const away = firstOf(({ verb, resource }) => verb === "list" && resource === "leases");
    cluster.api.fault = (call) => (away(call) ? { status: 503 } : null);
    const formerInstance = handle["instance"] ?? null;
    const resumed = next.resume("t-1", { ...handle, formerInstance, ...known });
    expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
  });

  test.each([
    ["that it followed", {}],
    ["of whose creation it was not told", { uid: null, ready: false }],
  ])(
    "does not report a Job %s, whose task another worker was given and saw to its end",
    async (_which, known) => {
      const old = await worker("old");
      const { task, name } = await runningTask(old, "t-1");
      const other = await runningTask(old, "t-2");
      cutOff.add("Bearer old");
      const sibling = await worker("sibling");
      const given = sibling.run("t-1");
      await passTime(cluster, () => given.handles.at(-1)?.["ready"], { stepMs: 10 });
      cluster.complete(name);
      expect(await passTimeFor(cluster, given.ended)).toBe("completed");
      sibling.reported(given);
      await passTime(cluster, () => cluster.jobs().length === 1);
      cluster.reap(other.name);
      const next = await worker("next");
      const resumed = next.resume("t-1", { ...task.handles.at(-1), ...known });
      expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
      // That says nothing of what else it had.
      const lost = next.resume("t-2", other.task.handles.at(-1) ?? null);
      await expect(passTimeFor(cluster, lost.ended)).rejects.toMatchObject({ reason: "job_failed" });
    },
  );

  // Nobody had that one, and nobody would have reported it.
  test("says that a Job is gone which went before another worker took what was left", async () => {
    const old = await worker("old");
    const { name } = await runningTask(old, "t-1");
    const gone = await runningTask(old, "t-2");
    cutOff.add("Bearer old");
    cluster.reap(gone.name);
    await endsElsewhere(name);
    const resumed = (await worker("next")).resume("t-2", gone.task.handles.at(-1) ?? null);
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ reason: "job_failed" });
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

  test.each([
    ["whose Secret was never made, since it could not run", {}],
    ["of whose creation it was not told", { uid: null }],
  ])("deletes a Job %s", async (_which, known) => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    cluster.api.store.delete("secrets", `${name}-env`);
    const next = await worker("next");
    const resumed = next.resume("t-1", { ...task.handles.at(-1), ...known, ready: false });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ reason: "unknown" });
    next.reported(resumed);
    await passTime(cluster, () => cluster.jobs().length === 0);
  });

  // It was reported as the earlier run had been, or, of another worker's, not at all.
  test.each(["this one", "another worker"])(
    "does not take the Job that an earlier run left to %s for that of a task whose creation was cut short",
    async (whose) => {
      const old = await worker("old");
      const { task, name } = await runningTask(old, "t-1", "");
      cluster.fail(name, 3);
      await passTimeFor(cluster, task.ended).catch(() => {});
      old.reported(task);
      await passTime(cluster, () => cluster.jobs()[0]?.metadata.labels["oz-ended"]);
      if (whose !== "this one")
        cluster.api.store.patch("jobs", name, { metadata: { labels: { "oz-instance": "a-sibling" } } });
      const next = await worker("next");
      const resumed = next.resume("t-1", { ...task.handles[0] }, "");
      await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({
        reason: "unknown",
        message: expect.stringMatching(/before it had created/),
      });
    },
  );

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

  // The time in which nobody answered counted too, so that the first refusal after it failed the task.
  test("does not call it failed for that either when the API server was away for minutes before", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    cutOff.add("Bearer next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    settled(resumed.ended);
    const passes = async (ms: number) => {
      const until = performance.now() + ms;
      await passTime(cluster, () => performance.now() > until, { stepMs: 1_000, mostMs: ms + 2_000 });
    };
    await passes(150_000);
    const authenticates = cluster.api.fault;
    cluster.api.fault = ({ headers }) =>
      headers["authorization"] === "Bearer next" ? { status: 401 } : null;
    await passes(60_000);
    expect(settled(resumed.ended)).toBeUndefined();
    cutOff.delete("Bearer next");
    cluster.api.fault = authenticates;
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
  });

  // It was called deleted, and ran on.
  test.each(["get", "patch"])(
    "does not call a Job deleted because once a proxy answers the %s with JSON of its own",
    async (spoiled) => {
      const old = await worker("old");
      const { task, name } = await runningTask(old, "t-1");
      cutOff.add("Bearer old");
      const next = await worker("next");
      const once = firstOf(({ verb, resource }) => verb === spoiled && resource === "jobs");
      let seen = 0;
      cluster.api.fault = (call) => {
        if (cutOff.has(String(call.headers["authorization"]))) return "cut";
        if (!once(call)) return null;
        seen += 1;
        return "other";
      };
      const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
      await passTime(cluster, () => seen > 0 && resumed.handles.at(-1)?.["formerInstance"]);
      cluster.complete(name);
      expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
      expect(seen).toBe(1);
    },
  );

  test("says after a time which Job it may not read, and in whose words", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    let asked = 0;
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      if (verb !== "get" || resource !== "jobs") return null;
      asked += 1;
      return { status: 403, message: "cannot get jobs" };
    };
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    const error = await passTime(cluster, () => settled(resumed.ended), { mostMs: 200_000 });
    expect(error).toMatchObject({ reason: "job_watch" });
    expect(String(error)).toContain(`"${name}"`);
    expect(String(error)).toContain("cannot get jobs");
    const words = "cannot take up the Job of a task; trying again";
    expect(next.log.said("warn").filter((line) => line === words)).toHaveLength(1);
    // With pauses that grow, and none of them longer than a quarter of a minute.
    expect(asked).toBeWithin(8, 60);
  });

  test("leaves a Job alone that only has the name of its own", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const owner = instanceOf(name);
    const next = await worker("next");
    const resumed = next.resume("t-1", { ...task.handles.at(-1), uid: "an earlier one's" });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ reason: "job_failed" });
    next.reported(resumed);
    expect([instanceOf(name), cluster.jobs().length]).toEqual([owner, 1]);
  });

  // It was made by a worker that had no right to Leases, and so carries no name.
  test("waits for the end of a Job that is nobody's by name", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    cluster.api.store.patch("jobs", name, { metadata: { labels: { "oz-instance": null } } });
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    await passTime(cluster, () => cluster.api.callsOf("get", "jobs").length > 0);
    cluster.complete(name);
    expect(await passTimeFor(cluster, resumed.ended)).toBe("completed");
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
    next.reported(resumed);
    await passTime(cluster, () => cluster.jobs().length === 0);
  });

  // It gave them half a minute, as if the template said nothing, and reported a task whose teardown went on.
  test("waits for the grace period of a Job's pods also when it is told of them after it has ended the Job", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    const { metadata } = cluster.podOf(name);
    cluster.api.store.patch("pods", metadata.name, { spec: { terminationGracePeriodSeconds: 600 } });
    cutOff.add("Bearer old");
    cluster.api.fault = ({ verb, resource, query }) => {
      const isReflected = query.get("labelSelector")?.startsWith("oz-worker-hash");
      return verb === "list" && resource === "pods" && isReflected ? { status: 503 } : null;
    };
    const next = await worker("next");
    const resumed = next.resume("t-1", { ...task.handles.at(-1), stopping: "cancelled" });
    settled(resumed.ended);
    await passTime(cluster, () => cluster.podOf(name).metadata.deletionTimestamp);
    cluster.api.fault = () => null;
    const late = performance.now() + 300_000;
    await passTime(cluster, () => performance.now() > late, { stepMs: 5_000, mostMs: 310_000 });
    expect(settled(resumed.ended)).toBeUndefined();
    cluster.reap(name);
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ why: "cancelled" });
  });

  // It was taken for another worker's, so that of tasks cancelled right before a restart some were never reported.
  test.each([
    ["that is being deleted for a cancellation", { stopping: "cancelled" }, { why: "cancelled" }],
    ["that somebody deletes", {}, { reason: "job_failed" }],
  ])("reports the end of a Job %s, and that goes while it is being taken up", async (_which, known, end) => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    cutOff.add("Bearer old");
    const next = await worker("next");
    cluster.api.fault = ({ verb, resource }) => {
      if (verb === "patch" && resource === "jobs") cluster.reap(name);
      return null;
    };
    const resumed = next.resume("t-1", { ...task.handles.at(-1), ...known });
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject(end);
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

  // Else the next one would have called it cancelled by its user.
  test("knows that a Job which is gone was stopped because its time was over", async () => {
    const old = await worker("old");
    const { task, name } = await runningTask(old, "t-1");
    task.stop("timeout");
    await passTime(cluster, () => cluster.podOf(name).metadata.deletionTimestamp);
    cutOff.add("Bearer old");
    cluster.reap(name);
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null);
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({ why: "timeout" });
  });
});
