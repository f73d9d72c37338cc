/** A task without an execution id that is given again: each time it runs, and in a Job of its own. */
import { describe, expect, jest, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import {
  eachTestHasCluster,
  KubernetesRig,
  passTime,
  passTimeFor,
  type RiggedTask,
} from "../support/kubernetes-rig.ts";
import { eventually, within } from "../support/wait.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

describe("a task on Kubernetes", () => {
  test("runs again after an earlier run of it was reported and left its Job", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const first = rig.run("t-1", "");
    cluster.fail((await cluster.jobOf("t-1")).metadata.name, 1);
    await first.ended.catch(() => {});
    rig.reported(first);
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

  // Once it was told again how the first run had ended, and nothing ran: a role may lack the right to mark Jobs.
  test("runs again after an earlier run of it whose Job could not be marked as reported", async () => {
    await using rig = await KubernetesRig.start(cluster);
    cluster.api.fault = ({ verb, resource }) =>
      verb === "patch" && resource === "jobs" ? { status: 403, reason: "Forbidden" } : null;
    const first = rig.run("t-1", "");
    const { name, uid } = (await cluster.jobOf("t-1")).metadata;
    cluster.fail(name, 3);
    await first.ended.catch(() => {});
    rig.reported(first);
    const second = rig.run("t-1", "");
    await cluster.api.until(() => cluster.jobs().some((job) => job.metadata.uid !== uid), "another Job");
    cluster.complete(name);
    expect(await second.ended).toBe("completed");
  });

  // It was told once more how that had ended, and nothing ran: the Job has not failed yet while another container goes on.
  test.each([
    ["is proven", true],
    ["is not proven", false],
  ])(
    "runs again while the Job of an earlier run, whose agent has failed, has yet to end, and that %s to be known",
    async (_which, isProven) => {
      await using rig = await KubernetesRig.start(cluster);
      const first = rig.run("t-1", "");
      const { name, uid } = (await cluster.jobOf("t-1")).metadata;
      const terminated = { exitCode: 3, reason: "Error", finishedAt: cluster.api.now() };
      const proxy = { name: "proxy", state: { running: {} } };
      cluster.setPod(name, { containerStatuses: [{ name: "task", state: { terminated } }, proxy] });
      await expect(first.ended).rejects.toMatchObject({ reason: "container_exit" });
      rig.backend.forget(first);
      if (isProven) rig.backend.letGo(first);
      jest.useFakeTimers();
      const second = rig.run("t-1", "");
      await passTime(cluster, () => second.handles.at(-1)?.["ready"]);
      expect(cluster.jobs().map(({ metadata }) => metadata.uid)).not.toEqual([uid]);
      // By then the first one's would have been ended.
      const settled = performance.now() + 20_000;
      await passTime(cluster, () => performance.now() > settled);
      expect(cluster.jobs()[0]?.spec).not.toHaveProperty("activeDeadlineSeconds");
      cluster.complete(name);
      expect(await passTimeFor(cluster, second.ended)).toBe("completed");
    },
  );

  test("runs again before the end of its earlier run is proven to be known, and then that one's Job is none of its own", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const first = rig.run("t-1", "");
    const { name, uid } = (await cluster.jobOf("t-1")).metadata;
    cluster.complete(name);
    await first.ended;
    rig.backend.forget(first);
    const second = rig.run("t-1", "");
    await eventually(() => second.handles.at(-1)?.["ready"] === true, "the task to be ready");
    const [again] = cluster.jobs();
    expect(again?.metadata.uid).not.toBe(uid);
    rig.backend.letGo(first);
    // The deletion that names the earlier one is refused, and a look tells why.
    await cluster.api.until(() => cluster.api.calls.at(-1)?.verb === "get", "a look at the Job");
    expect(cluster.jobs()).toMatchObject([{ metadata: { uid: again?.metadata.uid } }]);
    cluster.complete(name);
    expect(await second.ended).toBe("completed");
  });

  test("that runs three times is cleared away after each, once, and its values are hidden no longer than that", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const runs: [uid: string, task: RiggedTask][] = [];
    for (let run = 1; run <= 3; run++) {
      const task = rig.run("t-1", "");
      await eventually(() => task.handles.at(-1)?.["ready"] === true, "the task to be ready");
      const { name, uid } = (await cluster.jobOf("t-1")).metadata;
      runs.push([uid, task]);
      cluster.complete(name);
      await task.ended;
      rig.backend.forget(task);
      if (run > 1) rig.backend.letGo(task);
      // The first run's end is proven by that of the second.
      if (run > 1)
        await within(Promise.all(runs.flatMap(([, { lingering }]) => lingering)), "the Jobs to go");
    }
    const deleted = cluster.api.callsOf("delete", "jobs").map(({ body }) => body.preconditions?.uid);
    for (const [uid] of runs.slice(1)) expect(deleted.filter((each) => each === uid)).toHaveLength(1);
  });

  // Its name was told, as that of one which stays and is to be deleted by hand.
  test.each([
    ["marked", "patch"],
    ["deleted", "delete"],
  ] as const)(
    "runs again without a word of the Job of an earlier run, which it has replaced before that could be %s",
    async (_what, verb) => {
      await using rig = await KubernetesRig.start(cluster);
      const first = rig.run("t-1", "");
      const { name, uid } = (await cluster.jobOf("t-1")).metadata;
      if (verb === "patch") cluster.fail(name, 3);
      else cluster.complete(name);
      await Promise.allSettled([first.ended]);
      jest.useFakeTimers();
      let looked = false;
      let replaced = false;
      cluster.api.fault = (call) => {
        if (call.resource !== "jobs") return null;
        // Only who finds the name taken looks at what has it, and then deletes that.
        looked ||= call.verb === "get";
        const replaces = call.verb === "delete" && looked && !replaced;
        replaced ||= replaces;
        return call.verb === verb && !replaces ? { status: 500, reason: "InternalError" } : null;
      };
      rig.reported(first);
      const second = rig.run("t-1", "");
      await passTime(cluster, () => second.handles.at(-1)?.["ready"], { stepMs: 1 });
      cluster.api.fault = () => null;
      const triedOften = performance.now() + 60_000;
      await passTime(cluster, () => performance.now() > triedOften, { stepMs: 2_000 });
      expect(cluster.jobs()).toMatchObject([{ metadata: { uid: expect.not.stringContaining(uid) } }]);
      expect(cluster.jobs()[0]?.metadata.labels).not.toHaveProperty("oz-ended");
      expect(rig.log.said("warn")).toEqual([]);
      cluster.complete(name);
      expect(await passTimeFor(cluster, second.ended)).toBe("completed");
    },
  );
});
