/** Whose Job it is, when workers of one id come, go, die, and are taken for dead. */
import { describe, expect, test } from "bun:test";
import { microTime } from "../../src/backends/kubernetes/ownership/lease.ts";
import { takenNotes } from "../../src/backends/kubernetes/ownership/taken-notes.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime, passTimeFor } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, instanceOf, aMinute, adopting, stop, startAnew } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

/** @returns how often a Job was claimed */
function faultFirstClaim(fate: "cut" | "lost"): () => number {
  let claims = 0;
  cluster.api.fault = ({ verb, resource, headers }) => {
    if (cutOff.has(String(headers["authorization"]))) return "cut";
    return verb === "patch" && resource === "jobs" && ++claims === 1 ? fate : null;
  };
  return () => claims;
}

describe("of two workers of one id", () => {
  test("the one that lives takes over the Jobs of the one that is gone, with their exact ids", async () => {
    const gone = await worker("gone");
    const { name } = await runningTask(gone, "Task/Über 1", "Exec_1");
    const other = await worker("other");
    const { orphans, tasks } = adopting(other);
    cutOff.add("Bearer gone");
    await passTime(cluster, () => tasks.length === 1);
    expect(orphans).toMatchObject([{ taskId: "Task/Über 1", executionId: "Exec_1" }]);
    // Were it cut off only, it would learn there that it is replaced.
    const holders = cluster.api.store.list("leases").map(({ spec }) => spec.holderIdentity);
    expect(holders).toEqual([instanceOf(name), instanceOf(name)]);
    cluster.complete(name);
    expect(await passTimeFor(cluster, tasks[0]?.ended ?? Promise.reject())).toBe("completed");
  });

  test("the one that lives leaves those of another id alone, though the API server heeds no selector", async () => {
    cluster.api.heedsSelectors = false;
    const gone = await worker("gone");
    const [theirs] = [await runningTask(gone, "t-1"), await runningTask(gone, "t-2")];
    cluster.api.store.patch("jobs", theirs.name, { metadata: { labels: { "oz-worker-hash": "another" } } });
    const { orphans, tasks } = adopting(await worker("other"));
    cutOff.add("Bearer gone");
    await passTime(cluster, () => tasks.length > 0);
    expect(orphans).toMatchObject([{ taskId: "t-2" }]);
  });

  // A cancellation that came after the task had begun was taken for one from before it, so the task ran on.
  test("the one that lives tells by its own clock when a task had begun, where the cluster's is ahead", async () => {
    cluster.api.clockAheadMs = 120_000;
    const { name } = await runningTask(await worker("gone"), "t-1");
    cluster.api.store.patch("jobs", name, { metadata: { creationTimestamp: cluster.api.now() } });
    const begunAt = Date.now();
    cutOff.add("Bearer gone");
    const { orphans } = adopting(await worker("other"));
    const [orphan] = await passTime(cluster, () => orphans.length === 1 && orphans);
    expect(Math.abs((orphan?.claimedAt ?? 0) - begunAt)).toBeLessThan(2_000);
  });

  test("the one that lives takes over too what has no Lease any more", async () => {
    const gone = await worker("gone");
    const [lease] = cluster.api.store.list("leases");
    await runningTask(gone, "t-1");
    const { tasks } = adopting(await worker("other"));
    cutOff.add("Bearer gone");
    cluster.api.store.delete("leases", lease.metadata.name);
    await passTime(cluster, () => tasks.length === 1);
  });

  test("the one that lives leaves a Job for this time to whoever was quicker at the dead one's Lease", async () => {
    const gone = await worker("gone");
    const { name } = await runningTask(gone, "t-1");
    const other = await worker("other");
    const [lease] = cluster.api.store.list("leases");
    let quicker = 0;
    cluster.api.fault = (call) => {
      if (cutOff.has(String(call.headers["authorization"]))) return "cut";
      const isTaking = call.verb === "patch" && call.name === lease.metadata.name;
      return isTaking && ++quicker === 1 ? { status: 409, reason: "Conflict" } : null;
    };
    cutOff.add("Bearer gone");
    const owner = instanceOf(name);
    const { tasks } = adopting(other);
    await passTime(cluster, () => quicker === 1);
    expect([instanceOf(name), tasks.length]).toEqual([owner, 0]);
    await passTime(cluster, () => tasks.length === 1);
    expect(other.log.said("warn")).toEqual([]);
  });

  test("the one that lives leaves everything to one that renews its Lease in the last moment", async () => {
    const late = await worker("late");
    const { name } = await runningTask(late, "t-1");
    const [lease] = cluster.api.store.list("leases");
    const other = await worker("other");
    let renewals = 0;
    cluster.api.fault = (call) => {
      const by = String(call.headers["authorization"]);
      if (cutOff.has(by)) return "cut";
      const isTaking = call.verb === "patch" && call.name === lease.metadata.name && by === "Bearer other";
      if (isTaking && ++renewals === 1) {
        cutOff.clear();
        cluster.api.store.patch("leases", lease.metadata.name, { spec: { renewTime: cluster.api.now() } });
      }
      return null;
    };
    cutOff.add("Bearer late");
    const owner = instanceOf(name);
    const { tasks } = adopting(other);
    await passTime(cluster, () => renewals > 0);
    await aMinute();
    expect([instanceOf(name), renewals, tasks.length]).toEqual([owner, 1, 0]);
  });

  test("the one that lives leaves a Job to a third that claimed it in the same moment", async () => {
    const gone = await worker("gone");
    const { name } = await runningTask(gone, "t-1");
    const other = await worker("other");
    let claims = 0;
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      if (verb === "patch" && resource === "jobs" && ++claims === 1)
        cluster.api.store.patch("jobs", name, { metadata: { labels: { "oz-instance": "third" } } });
      return null;
    };
    cutOff.add("Bearer gone");
    const { tasks } = adopting(other);
    await passTime(cluster, () => cluster.api.callsOf("get", "jobs").length > 0);
    for (let turn = 0; turn < 5; turn++) await cluster.turn();
    expect([instanceOf(name), tasks.length]).toEqual(["third", 0]);
  });

  // It claimed that on its second try, and told the end once more, of one that was ended as if its time had been up.
  test("the one that lives leaves a Job alone whose end is told by its own worker in the same moment", async () => {
    const gone = await worker("gone");
    const { name } = await runningTask(gone, "t-1");
    const owner = instanceOf(name);
    let claims = 0;
    cluster.api.fault = ({ verb, resource, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      if (verb === "patch" && resource === "jobs" && ++claims === 1)
        cluster.api.store.patch("jobs", name, { metadata: { labels: { "oz-ended": "true" } } });
      return null;
    };
    const { tasks } = adopting(await worker("other"));
    cutOff.add("Bearer gone");
    await passTime(cluster, () => claims > 0);
    await aMinute();
    expect([instanceOf(name), tasks.length, claims]).toEqual([owner, 0, 1]);
  });

  // What is not known to be one's own is somebody else's to report.
  test("the one that lives takes a Job up once when its claim was cut off before it was heard", async () => {
    const [dead, alive] = [await worker("dead"), await worker("alive")];
    await runningTask(dead, "t-1");
    const claims = faultFirstClaim("cut");
    cutOff.add("Bearer dead");
    const { orphans } = adopting(alive);
    await passTime(cluster, () => orphans.length > 0);
    expect(claims()).toBe(2);
    await aMinute();
    expect(orphans).toHaveLength(1);
  });

  // Its label said that the Job was taken, so that nobody looked at it again, and its task was never reported.
  test("the one that lives reports a Job too when it was not told that it has it now", async () => {
    const [dead, alive] = [await worker("dead"), await worker("alive")];
    const { name } = await runningTask(dead, "t-1");
    faultFirstClaim("lost");
    cutOff.add("Bearer dead");
    const { tasks } = adopting(alive);
    await passTime(cluster, () => tasks.length > 0);
    await aMinute();
    expect(tasks).toHaveLength(1);
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

  // Every fifty seconds it was told that no Jobs could be looked for, and not which one was the matter.
  test("the one that lives names a Job that is guarded against changes, and once", async () => {
    const [dead, alive] = [await worker("dead"), await worker("alive")];
    const { name } = await runningTask(dead, "t-1");
    let claims = 0;
    cluster.api.fault = ({ verb, name: of, headers }) => {
      if (cutOff.has(String(headers["authorization"]))) return "cut";
      if (verb !== "patch" || of !== name) return null;
      claims++;
      return { status: 403, message: "a policy denies it" };
    };
    cutOff.add("Bearer dead");
    adopting(alive);
    await passTime(cluster, () => claims === 3, { mostMs: 200_000 });
    await cluster.turn();
    expect(alive.log.said("warn")).toEqual(["cannot take over a Job of a dead worker; trying again"]);
    expect(alive.log.lines.find(({ level }) => level === "warn")?.fields).toMatchObject({
      job: name,
      why: "a policy denies it",
    });
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
    await stop(leaving);
    const startedAt = performance.now();
    const { orphans } = adopting(await worker("other"));
    await passTime(cluster, () => orphans.length === 1);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  // A started worker looked first, and saw a Lease without Jobs: it threw that away, and took them up 50 s later.
  test("one that stops leaves its Jobs at once also to one that is only told of them after its first look", async () => {
    const leaving = await worker("leaving");
    await runningTask(leaving, "t-1");
    await stop(leaving);
    let listed = false;
    cluster.api.fault = ({ verb, resource }) =>
      verb === "list" && resource === "jobs" && !listed ? { status: 503 } : null;
    const { orphans } = adopting(await worker("other"));
    for (let turn = 0; turn < 5; turn++) await cluster.turn();
    listed = true;
    const startedAt = performance.now();
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
      // Looked at before the dead one in each look.
      ["dying", "dying", "2999-01-01T00:00:00.000000Z"],
      // Others have Jobs of theirs, of which they may want to know.
      ["relieved", "living", microTime(new Date(Date.now() - 20 * 3_600_000))],
      ["relieved-long-ago", "living", "2026-01-01T00:00:00.000000Z"],
      ["dead", "dead", "2026-01-01T00:00:00.000000Z"],
    ] as const) {
      const labels = { ...own?.metadata.labels, "oz-instance": name };
      store.create("leases", { metadata: { name, labels }, spec: { holderIdentity, renewTime } });
      if (!name.startsWith("relieved")) continue;
      const annotations = takenNotes([{ metadata: { name: "oz-task-x", uid: "uid" } }]);
      store.patch("leases", name, { metadata: { annotations } });
    }
    const names = () => store.list("leases").map(({ metadata }) => metadata.name);
    adopting(living);
    await passTime(cluster, () => !names().includes("released"));
    await passTime(cluster, () => !names().includes("dead"), { stepMs: 5_000, mostMs: 1_500_000 });
    expect(names()).toContain("dying");
    expect(names()).toContain("relieved");
    expect(names()).not.toContain("relieved-long-ago");
    expect(living.log.said("warn")).toEqual([]);
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

describe("a task that is given to a second worker, and whose Job the first has", () => {
  // Its pod had not started yet, and its TOKEN would have been what the second worker's configuration adds.
  test.each([
    ["is there", true],
    ["is made by the second, since the first was killed before it had made it", false],
  ])(
    "keeps its variables, whatever the second's configuration adds: their Secret %s",
    async (_how, isMade) => {
      const first = (await worker("first")).run("t-1", "e-1", { TASK_ID: "t-1", TOKEN: "very-secret" });
      await passTime(cluster, () => first.handles.at(-1)?.["ready"]);
      for (const { metadata } of isMade ? [] : cluster.api.store.list("secrets"))
        cluster.api.store.delete("secrets", metadata.name);
      const added = { TASK_ID: "t-1", ADDED: "by the second", TOKEN: "very-secret" };
      const second = (await worker("second")).run("t-1", "e-1", added);
      await passTime(cluster, () => second.handles.at(-1)?.["ready"]);
      const [job, [secret]] = [await cluster.jobOf("t-1"), cluster.api.store.list("secrets")];
      const { env } = job.spec.template.spec.containers[0];
      const token = env.find(({ name }: { name: string }) => name === "TOKEN");
      expect(atob(secret.data[token.valueFrom.secretKeyRef.key])).toBe("very-secret");
    },
  );

  test("keeps its Secret also where workers have no Leases, so that neither can take its Job from the other", async () => {
    await startAnew({ forbidden: ["create leases"] });
    await runningTask(await worker("first"), "t-1");
    const [{ metadata }] = cluster.api.store.list("secrets");
    const given = (await worker("second")).run("t-1");
    await passTime(cluster, () => given.handles.at(-1)?.["ready"]);
    expect(cluster.api.store.get("secrets", metadata.name).metadata.uid).toBe(metadata.uid);
  });

  // Each was failed, and its Job deleted while its agent worked. A quota is looked at before whether the name is taken.
  test.each([
    ["may not delete Secrets", "delete", "secrets is forbidden"],
    ["is told that the quota of Secrets is used up", "create", "exceeded quota: count/secrets"],
  ])("goes on although the second worker %s", async (_which, forbidden, message) => {
    const { name } = await runningTask(await worker("first"), "t-1");
    const second = await worker("second");
    cluster.api.fault = ({ verb, resource }) =>
      verb === forbidden && resource === "secrets" ? { status: 403, reason: "Forbidden", message } : null;
    const given = second.run("t-1");
    await passTime(cluster, () => given.handles.at(-1)?.["ready"]);
    cluster.complete(name);
    expect(await passTimeFor(cluster, given.ended)).toBe("completed");
  });

  // The next one ended it, as one that had never run.
  test("goes on although the second worker is killed before it knows whether its Secret is there", async () => {
    await runningTask(await worker("first"), "t-1");
    const second = await worker("second");
    cluster.api.fault = ({ verb, resource }) =>
      verb === "create" && resource === "secrets" ? "silence" : null;
    const given = second.run("t-1");
    const saved = await passTime(cluster, () => given.handles.find(({ uid }) => uid !== null));
    cluster.api.fault = () => null;
    const next = (await worker("next")).resume("t-1", saved);
    cluster.complete((await cluster.jobOf("t-1")).metadata.name);
    expect(await passTimeFor(cluster, next.ended)).toBe("completed");
  });

  test("gets its Secret from the second worker where the first was killed before it had made that", async () => {
    await runningTask(await worker("first"), "t-1");
    const [{ metadata }] = cluster.api.store.list("secrets");
    cluster.api.store.delete("secrets", metadata.name);
    const given = (await worker("second")).run("t-1");
    await passTime(cluster, () => given.handles.at(-1)?.["ready"]);
    expect(cluster.api.store.get("secrets", metadata.name)).not.toBeNull();
  });
});

test("a Job whose end its dead worker had reported is cleaned up and not taken up", async () => {
  const gone = await worker("gone");
  const { name } = await runningTask(gone, "t-1");
  cluster.complete(name);
  await stop(gone);
  const { orphans } = adopting(await worker("next"), "ended");
  await passTime(cluster, () => cluster.jobs().length === 0);
  expect(orphans).toHaveLength(1);
});

// By its label it was this worker's from the first offer on, so nobody looked for it again, and its end was told to nobody.
test("a Job of a task of which another execution runs here is offered again until that has ended", async () => {
  const gone = await worker("gone");
  const { name } = await runningTask(gone, "t-1");
  const other = await worker("other");
  const { orphans, tasks } = adopting(other, "later", "later", "later");
  cutOff.add("Bearer gone");
  await passTime(cluster, () => orphans.length === 1);
  cluster.complete(name);
  const [taken] = await passTime(cluster, () => tasks.length === 1 && tasks);
  expect(await passTimeFor(cluster, taken?.ended ?? Promise.reject())).toBe("completed");
  await aMinute();
  expect(orphans).toHaveLength(4);
  const told = other.log.lines.filter(({ message }) => message === "Job of a dead worker taken over");
  expect(told.map(({ fields }) => fields["adoption"])).toEqual(["later", "taken"]);
});

// The next worker deleted it at its start, with the end in its journal: who was given the task meanwhile ran it once more.
test("a Job whose end an earlier worker could not deliver stays until that is proven to be read", async () => {
  const gone = await worker("gone");
  const { name } = await runningTask(gone, "t-1");
  cluster.complete(name);
  await stop(gone);
  const next = await worker("next");
  const { orphans } = adopting(next, "unproven", "unproven", "ended");
  await passTime(cluster, () => orphans.length === 2);
  expect(cluster.jobs().map(({ metadata }) => metadata.name)).toEqual([name]);
  await passTime(cluster, () => cluster.jobs().length === 0);
  await aMinute();
  expect(orphans).toHaveLength(3);
});

test("a Job that would run on after such an end is ended at once", async () => {
  const gone = await worker("gone");
  const { name } = await runningTask(gone, "t-1");
  await stop(gone);
  const { orphans } = adopting(await worker("next"), "unproven");
  const ended = () => cluster.api.store.get("jobs", name).metadata.labels["oz-ended"];
  await passTime(cluster, () => ended() === "true");
  await aMinute();
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
  await startAnew({ forbidden: ["create leases"] });
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
