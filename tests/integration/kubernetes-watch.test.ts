/** What the watches do when the API server forgets, cuts, lies, hangs or is away. */
import { describe, expect, jest, test } from "bun:test";
import { type ApiCall, firstOf } from "../support/fake-api-server.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasCluster, KubernetesRig, passTime, passTimeFor } from "../support/kubernetes-rig.ts";
import { eventually } from "../support/wait.ts";

let cluster: FakeCluster;
eachTestHasCluster((own) => {
  cluster = own;
});

const isComplaint = ({ message }: { readonly message: string }) => message.startsWith("cannot watch");

/** A task whose pod waits for a node, for which it gets 10 s; the test has the clock. */
async function startWithoutNode() {
  const settings = { unschedulableTimeoutMs: 10_000 };
  const rig = await passTimeFor(cluster, KubernetesRig.start(cluster, { settings }));
  const task = rig.run("t-1");
  await passTime(cluster, () => task.handles.at(-1)?.["ready"] === true, { stepMs: 10 });
  const [job] = cluster.jobs();
  const condition = { type: "PodScheduled", lastTransitionTime: cluster.api.now() };
  const waits = { ...condition, status: "False", reason: "Unschedulable" };
  cluster.setPod(job.metadata.name, { phase: "Pending", conditions: [waits] });
  await cluster.turn();
  let isOver = false;
  task.ended
    .catch(() => {})
    .finally(() => {
      isOver = true;
    });
  return { rig, task, job, condition, isOver: () => isOver };
}

describe("the watches of a worker", () => {
  test("are two, however many tasks there are", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const tasks = Array.from({ length: 50 }, (_, at) => rig.run(`t-${at}`));
    const jobs = await Promise.all(tasks.map(({ taskId }) => cluster.jobOf(taskId)));
    // The last Job may be there before the second watch is, on a busy machine.
    await cluster.api.until(() => cluster.api.openWatches === 2, "two watches");
    for (const { metadata } of jobs) cluster.complete(metadata.name);
    expect(await Promise.all(tasks.map(({ ended }) => ended))).toEqual(tasks.map(() => "completed"));
    expect(cluster.api.callsOf("watch", "jobs")).toHaveLength(1);
    expect(cluster.api.callsOf("watch", "pods")).toHaveLength(1);
    expect(cluster.api.callsOf("get", "jobs")).toHaveLength(0);
  });

  test("go on from where they were when they are cut", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    const lists = cluster.api.callsOf("list", "jobs").length;
    cluster.api.cutWatches();
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
    expect(cluster.api.callsOf("list", "jobs")).toHaveLength(lists);
  });

  // Once: a server that has just started refuses what it grants a moment later, and everything was listed anew after that.
  test.each([401, 403, 429, 503])(
    "go on from where they were when they are refused by %d",
    async (status) => {
      await using rig = await KubernetesRig.start(cluster);
      const { task, name } = await rig.follow();
      const isRefused = { jobs: true, pods: true };
      const isWatchOf = ({ verb, resource }: ApiCall, what: string) => verb === "watch" && resource === what;
      cluster.api.fault = (call) =>
        (isRefused.jobs && isWatchOf(call, "jobs")) || (isRefused.pods && isWatchOf(call, "pods"))
          ? { status, message: "not yet" }
          : null;
      cluster.api.cutWatches();
      await cluster.api.until(() => cluster.api.callsOf("watch", "pods").length > 1, "a refusal");
      const terminated = { exitCode: 31, reason: "Error" };
      cluster.setPod(name, { phase: "Failed", containerStatuses: [{ name: "task", state: { terminated } }] });
      cluster.api.store.delete("pods", cluster.podOf(name).metadata.name);
      const failed = { type: "Failed", status: "True", reason: "BackoffLimitExceeded" };
      cluster.api.store.patch("jobs", name, { status: { conditions: [failed] } });
      isRefused.pods = false;
      await cluster.api.until(() => cluster.api.openWatches === 1, "the watch of pods");
      isRefused.jobs = false;
      await expect(task.ended).rejects.toMatchObject({ reason: "container_exit", exitCode: 31 });
    },
  );

  test("ask for what is newer than the last bookmark", async () => {
    await using rig = await KubernetesRig.start(cluster);
    await rig.follow();
    const bookmark = { type: "BOOKMARK", object: { metadata: { resourceVersion: "99999" } } };
    cluster.api.sendToWatches("jobs", bookmark);
    cluster.api.endWatches();
    const again = () => cluster.api.callsOf("watch", "jobs").at(1)?.query.get("resourceVersion");
    expect(await cluster.api.until(again, "the watch to be opened again")).toBe("99999");
  });

  test("list everything again when the server has forgotten where they were", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.api.store.quietly(() => cluster.complete(name));
    cluster.api.cutWatches();
    expect(await task.ended).toBe("completed");
    expect(rig.log.said("error")).toEqual([]);
  });

  test("list everything again after 410 Gone in the midst of a stream", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.api.store.quietly(() => cluster.complete(name));
    const expired = { code: 410, reason: "Expired", message: "too old resource version" };
    cluster.api.sendToWatches("jobs", { type: "ERROR", object: expired });
    expect(await task.ended).toBe("completed");
  });

  test("survive a stream that ends in the middle of an event", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.api.sendRaw('{"type":"MODIFIED","object":{"metadata":{"na');
    cluster.api.cutWatches();
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
  });

  test("survive a stream that is not JSON, as a proxy in between may write it", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    cluster.api.sendRaw("<html>502 Bad Gateway</html>\n");
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
  });

  test("survive a restart of the API server, and the outage is said once", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    await cluster.api.away();
    await eventually(() => rig.log.said("warn").length >= 2, "both watches to complain");
    cluster.complete(name);
    await cluster.api.listen();
    expect(await task.ended).toBe("completed");
    const complaints = rig.log.lines.filter(isComplaint);
    expect(complaints.map(({ fields }) => fields["what"]).sort()).toEqual(["jobs", "pods"]);
  });

  test("say why they cannot go on also when that is another reason than at first", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    const whys = () => new Set(rig.log.lines.filter(isComplaint).map(({ fields }) => fields["why"]));
    const isWatch = ({ verb }: ApiCall) => verb === "watch" || verb === "list";
    cluster.api.fault = (call) => (isWatch(call) ? { status: 500, message: "etcd is ill" } : null);
    cluster.api.cutWatches();
    await eventually(() => whys().has("etcd is ill"), "the first reason");
    cluster.api.fault = (call) => (isWatch(call) ? { status: 401, message: "the token has expired" } : null);
    await eventually(() => whys().has("the token has expired"), "the second reason");
    cluster.api.fault = () => null;
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
    expect([...whys()]).toEqual(["etcd is ill", "the token has expired"]);
  });

  test("go on when the server has trouble for a while", async () => {
    await using rig = await KubernetesRig.start(cluster);
    const { task, name } = await rig.follow();
    let troubles = 4;
    cluster.api.fault = ({ verb }) =>
      (verb === "watch" || verb === "list") && troubles-- > 0
        ? { status: 500, message: "etcd is ill" }
        : null;
    cluster.api.cutWatches();
    cluster.complete(name);
    expect(await task.ended).toBe("completed");
  });

  // A look at all Jobs waited behind the calls of a hundred tasks, and the worker's end for that: 54 s, and then SIGKILL.
  test("end with the worker although the looks beside them wait for calls that hang", async () => {
    jest.useFakeTimers();
    const rig = await passTimeFor(cluster, KubernetesRig.start(cluster));
    cluster.api.fault = ({ verb, resource }) => (verb === "create" && resource === "jobs" ? "silence" : null);
    for (let at = 0; at < 70; at++) rig.run(`t-${at}`);
    // The first calls have just been given up, and the next have taken their places.
    const until = performance.now() + 32_000;
    await passTime(cluster, () => performance.now() > until);
    const stoppedAt = performance.now();
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    cluster.api.fault = () => null;
    jest.useRealTimers();
  });

  // Each such event counted as news, after which all is listed and watched anew at once: three times a second.
  test("leave a server alone for ever longer that ends each of them with an error", async () => {
    jest.useFakeTimers();
    await using _rig = await passTimeFor(cluster, KubernetesRig.start(cluster));
    const until = performance.now() + 60_000;
    const isOver = () => {
      cluster.api.sendToWatches("jobs", { type: "ERROR", object: { code: 500, message: "no leader" } });
      return performance.now() > until;
    };
    await passTime(cluster, isOver, { stepMs: 100 });
    expect(cluster.api.callsOf("watch", "jobs").length).toBeWithin(4, 40);
    jest.useRealTimers();
  });

  test("are not trusted: what a silent one does not tell is found by a look every 30 s", async () => {
    jest.useFakeTimers();
    const rig = await passTimeFor(cluster, KubernetesRig.start(cluster));
    const task = rig.run("t-1");
    await passTime(cluster, () => task.handles.at(-1)?.["ready"] === true, { stepMs: 10 });
    cluster.api.silenceWatches();
    const [job] = cluster.jobs();
    cluster.complete(job.metadata.name);
    const watches = cluster.api.callsOf("watch", "jobs").length;
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
    await passTime(cluster, () => cluster.api.callsOf("watch", "jobs").length > watches);
    expect(rig.log.said("warn")).toContain("a watch has missed a change; it is opened again");
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    jest.useRealTimers();
  });

  // The answer to its mark came after the watch had shown that, and put it back for the next look to miss.
  test("are not said to have missed that a Job was marked as reported, which they told first", async () => {
    jest.useFakeTimers();
    const rig = await passTimeFor(cluster, KubernetesRig.start(cluster));
    const [failing, going] = [rig.run("failing"), rig.run("going")];
    const ready = () => [failing, going].every(({ handles }) => handles.at(-1)?.["ready"] === true);
    await passTime(cluster, ready, { stepMs: 10 });
    cluster.fail((await cluster.jobOf("failing")).metadata.name, 1);
    expect(await passTimeFor(cluster, failing.ended.catch(String))).toContain("exit status 1");
    const marks = () => cluster.api.callsOf("patch", "jobs").length;
    const first = firstOf(({ verb, resource }) => verb === "patch" && resource === "jobs");
    cluster.api.fault = (call) => (first(call) ? "lost" : null);
    rig.reported(failing);
    await passTime(cluster, () => marks() === 2, { stepMs: 100 });
    const polls = () => cluster.api.callsOf("list", "jobs").length;
    const before = polls();
    await passTime(cluster, () => polls() === before + 2);
    expect(rig.log.said("warn")).toEqual([]);
    cluster.complete((await cluster.jobOf("going")).metadata.name);
    expect(await passTimeFor(cluster, going.ended)).toBe("completed");
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    jest.useRealTimers();
  });

  // Once: the task was failed by what had last been seen of it, and its agent, which worked by then, was killed.
  test("that are silent fail no pod for want of a node which it got meanwhile", async () => {
    jest.useFakeTimers();
    const { rig, task, job, condition, isOver } = await startWithoutNode();
    const { name } = job.metadata;
    cluster.api.silenceWatches();
    cluster.setPod(name, { phase: "Running", conditions: [{ ...condition, status: "True" }] });
    await passTime(cluster, () => isOver() || cluster.api.callsOf("list", "events").length > 0);
    cluster.complete(name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    jest.useRealTimers();
  });

  // Once: what the pod had waited for when it was taken away failed the task, whose Job waited in the queue.
  test("fail no Job that a queue suspends for what its former pod had waited for", async () => {
    jest.useFakeTimers();
    const { rig, task, job, isOver } = await startWithoutNode();
    const { name } = job.metadata;
    const suspended = (status: string) => ({ conditions: [{ type: "Suspended", status }] });
    cluster.api.store.patch("jobs", name, { status: suspended("True") });
    cluster.api.store.delete("pods", cluster.podOf(name).metadata.name);
    const polls = () => cluster.api.callsOf("list", "pods").length;
    const before = polls();
    await passTime(cluster, () => isOver() || polls() > before);
    cluster.api.store.patch("jobs", name, { status: suspended("False") });
    cluster.addPod(job);
    cluster.complete(name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    jest.useRealTimers();
  });

  // Refused, they listed anew, and took what was older for what they had already: the task never ended.
  test.each([
    ["", () => {}],
    [
      " and refuses them at first",
      () => {
        const refused = new Set<string>();
        cluster.api.fault = ({ verb, resource }) => {
          if (verb !== "watch" || refused.has(resource)) return null;
          refused.add(resource);
          return { status: 504, message: "Too large resource version" };
        };
      },
    ],
  ])("are not blind for what a server does that was restored from a backup%s", async (_how, begin) => {
    jest.useFakeTimers();
    const rig = await passTimeFor(cluster, KubernetesRig.start(cluster));
    const [kept, lost] = [rig.run("kept"), rig.run("lost")];
    const ready = () => [kept, lost].every(({ handles }) => handles.at(-1)?.["ready"] === true);
    await passTime(cluster, ready, { stepMs: 10 });
    const [{ metadata: keptJob }, { metadata: lostJob }] = [
      await cluster.jobOf("kept"),
      await cluster.jobOf("lost"),
    ];
    const lostPod = cluster.podOf(lostJob.name).metadata.name;
    await cluster.api.away();
    cluster.api.store.restoreBackup(20, { jobs: [lostJob.name], pods: [lostPod] });
    begin();
    await cluster.api.listen();
    await passTime(cluster, () => cluster.api.openWatches === 2);
    cluster.complete(keptJob.name);
    expect(await passTimeFor(cluster, kept.ended)).toBe("completed");
    expect(await passTimeFor(cluster, lost.ended.catch(String))).toContain("is gone");
    await passTimeFor(cluster, rig[Symbol.asyncDispose]());
    jest.useRealTimers();
  });
});
