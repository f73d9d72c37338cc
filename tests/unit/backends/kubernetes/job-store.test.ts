/** What the store makes of news that come late, twice, or out of order. */
import { describe, expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import type { V1Job, V1Pod } from "@kubernetes/client-node";
import { never } from "../../../../src/async/wait.ts";
import { JobStore } from "../../../../src/backends/kubernetes/watch/job-store.ts";
import { slimJob, slimPod } from "../../../../src/backends/kubernetes/watch/slim.ts";
import { within } from "../../../support/wait.ts";

const job = (name: string, version: number, uid = `uid-${name}`): V1Job => ({
  metadata: { name, uid, resourceVersion: String(version) },
});

const pod = (name: string, version: number, jobName = "a", jobUid = "uid-a"): V1Pod => ({
  metadata: {
    name,
    uid: `uid-${name}`,
    resourceVersion: String(version),
    labels: { "job-name": jobName },
    ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: jobName, uid: jobUid }],
  },
});

const versionOf = (store: JobStore, name: string) => store.job(name)?.metadata?.resourceVersion;

describe("the store of Jobs", () => {
  test("keeps the later of two states, in whatever order they come", () => {
    const store = new JobStore();
    expect([store.jobs.put(job("a", 10)), store.jobs.put(job("a", 9))]).toEqual([true, false]);
    expect(versionOf(store, "a")).toBe("10");
    expect([store.pods.put(pod("p", 10)), store.pods.put(pod("p", 9))]).toEqual([true, false]);
    expect(store.livePods("a", "uid-a").map(({ metadata }) => metadata?.resourceVersion)).toEqual(["10"]);
  });

  // Each poll warned that the watch had missed a change, and opened it again.
  test("finds no news in a list of what has no version, and keeps what it says", () => {
    const store = new JobStore();
    const state = (parallelism: number): V1Job => ({
      metadata: { name: "a", uid: "uid-a" },
      spec: { parallelism, template: {} },
    });
    store.jobs.put(state(1));
    expect(store.jobs.replace([state(0)], "")).toBe(false);
    expect(store.job("a")?.spec?.parallelism).toBe(0);
    expect(store.jobs.replace([], "")).toBe(true);
  });

  test("takes what a list leaves out as gone, but not what is newer than the list", () => {
    const store = new JobStore();
    for (const name of ["old", "seen", "new"]) store.jobs.put(job(name, name === "new" ? 21 : 10));
    expect(store.jobs.replace([job("seen", 10)], "20")).toBe(true);
    expect(store.allJobs().map(({ metadata }) => metadata?.name)).toEqual(["seen", "new"]);
    expect(store.jobs.replace([job("seen", 10)], "20")).toBe(false);
  });

  test("does not take a Job for gone because an earlier one of its name is", () => {
    const store = new JobStore();
    store.jobs.put(job("a", 10, "second"));
    store.jobs.remove(job("a", 11, "first"));
    expect(store.job("a")?.metadata?.uid).toBe("second");
  });

  test("remembers what has gone for those who follow it, and for nobody else", () => {
    const store = new JobStore();
    using followed = store.subscribe("a");
    store.jobs.put(job("a", 10));
    store.pods.put(pod("p", 10));
    store.pods.remove(pod("p", 12));
    store.jobs.remove(job("a", 13));
    expect([followed.job, followed.lastJob?.metadata?.resourceVersion]).toEqual([null, "13"]);
    expect(followed.pods("uid-a")).toEqual([]);
    expect(followed.formerPods("uid-a").map(({ metadata }) => metadata?.resourceVersion)).toEqual(["12"]);
    expect(followed.formerPods("uid-b")).toEqual([]);
    expect(store.livePods("a", "uid-a")).toEqual([]);
    using later = store.subscribe("b");
    store.jobs.put(job("b", 10));
    expect(later.lastJob).toBeNull();
  });

  test("does not let a late answer bring back what has gone", () => {
    const store = new JobStore();
    using followed = store.subscribe("a");
    store.jobs.put(job("a", 10));
    store.jobs.remove(job("a", 11));
    expect(store.jobs.put(job("a", 10))).toBe(false);
    expect(followed.job).toBeNull();
    expect(store.jobs.put(job("a", 12, "another"))).toBe(true);
  });

  test("shows only the pods of the very Job that is asked for", () => {
    const store = new JobStore();
    store.pods.put(pod("p1", 10));
    store.pods.put(pod("p2", 10, "a", "uid-of-an-earlier-one"));
    expect(store.livePods("a", "uid-a").map(({ metadata }) => metadata?.name)).toEqual(["p1"]);
  });

  test("wakes a follower for what came between its look and its wait", async () => {
    const store = new JobStore();
    using followed = store.subscribe("a");
    followed.look();
    store.jobs.put(job("a", 10));
    await followed.changed(60_000, never());
  });

  test("lets a follower wait again once it has looked, and leaves nothing behind at its signal", async () => {
    const store = new JobStore();
    using followed = store.subscribe("a");
    const stop = new AbortController();
    store.jobs.put(job("a", 10));
    followed.look();
    let isWaiting = true;
    const waiting = followed.changed(60_000, stop.signal).then(() => {
      isWaiting = false;
    });
    for (let turns = 0; turns < 20; turns++) await Promise.resolve();
    expect(isWaiting).toBe(true);
    store.jobs.put(job("a", 11));
    await waiting;
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
    followed.look();
    const called = followed.changed(60_000, stop.signal);
    stop.abort();
    await called;
  });
});

// A worker that stops while its API server is away would wait for the list.
test("who waits for the first list of Jobs goes on with that, and when he is called away", async () => {
  const store = new JobStore();
  const stop = new AbortController();
  const waiting = [store.whenListed(stop.signal), store.whenListed(never())];
  stop.abort();
  await within(waiting[0] ?? Promise.reject(), "the one who is called away");
  store.jobs.replace([], "1");
  await within(waiting[1] ?? Promise.reject(), "the other");
});

describe("what is kept of an object", () => {
  const time = "2026-01-01T00:00:00Z";

  test("is what the verdict needs of a pod, its times as dates", () => {
    const slim = slimPod({
      metadata: { name: "p", managedFields: [1], annotations: { large: "x" }, creationTimestamp: time },
      spec: {
        nodeName: "n",
        volumes: [1],
        containers: [{ name: "task", image: "i", env: [{ name: "A", value: "secret" }] }],
        initContainers: [{ name: "side", restartPolicy: "Always", command: ["x"] }],
      },
      status: {
        phase: "Failed",
        startTime: null,
        containerStatuses: [{ name: "task", state: { terminated: { exitCode: 1, finishedAt: time } } }],
      },
    });
    expect(JSON.stringify(slim)).not.toMatch(/managedFields|large|secret|volumes/);
    expect(slim.metadata?.creationTimestamp).toEqual(new Date(time));
    expect(slim.spec?.initContainers).toEqual([{ name: "side", restartPolicy: "Always" }]);
    expect(slim.status?.containerStatuses?.[0]?.state?.terminated?.finishedAt).toEqual(new Date(time));
    expect(slim.status).not.toHaveProperty("startTime");
  });

  // A container's state of which all is null was taken for an end.
  test("is nothing where the server writes null, at any depth", () => {
    const state = { waiting: null, terminated: null };
    const slim = slimPod({
      metadata: { name: "p", labels: null, ownerReferences: null },
      status: { phase: null, conditions: [null], containerStatuses: [{ name: "task", state }] },
    });
    expect(slim.metadata).toEqual({ name: "p" });
    expect(slim.status).toEqual({
      conditions: [],
      containerStatuses: [{ name: "task", state: {} }],
    } as object);
  });

  test("is the same from the API's JSON and from client-node's objects", () => {
    const json = { metadata: { name: "j", creationTimestamp: time }, spec: { template: {} }, status: {} };
    const typed = { ...json, metadata: { ...json.metadata, creationTimestamp: new Date(time) } };
    expect(slimJob(typed)).toEqual(slimJob(json));
    expect(slimJob(json).spec).not.toHaveProperty("template");
  });
});

// The failure of its task was told as the Job's, without the container's exit status.
describe("a pod whose controller marks it with less than others do is its Job's", () => {
  const labels = { "oz-task-hash": "1", "oz-execution-hash": "2" };
  const made = { ...job("a", 10), metadata: { ...job("a", 10).metadata, labels } };
  const marked = (more: object) => ({
    metadata: { name: "p", uid: "uid-p", resourceVersion: "11", ...more },
  });
  const { ownerReferences = [] } = pod("p", 1).metadata ?? {};

  test.each([
    ["by its owner", { ownerReferences }],
    ["by its Job's name", { labels: { "job-name": "a" } }],
    ["by the labels of its task and execution", { labels }],
  ])("%s", (_how, metadata) => {
    const store = new JobStore();
    using followed = store.subscribe("a");
    store.jobs.put(made);
    store.pods.put(marked(metadata));
    expect(followed.pods("uid-a")).toHaveLength(1);
    store.pods.remove(marked(metadata));
    expect([followed.pods("uid-a").length, followed.formerPods("uid-a").length]).toEqual([0, 1]);
  });

  // It was kept for good, each poll took it for a change that the watch had missed, and a cancellation waited for it.
  test("and goes also after its Job", () => {
    const store = new JobStore();
    using followed = store.subscribe("a");
    store.jobs.put(made);
    store.pods.put(marked({ labels }));
    store.jobs.remove(made);
    store.pods.remove(marked({ labels }));
    expect([followed.pods("uid-a").length, followed.formerPods("uid-a").length]).toEqual([0, 1]);
    expect(store.pods.replace([], "99")).toBe(false);
  });

  test.each([
    ["another owner", { labels, ownerReferences: [{ kind: "Job", name: "a", uid: "uid-of-before" }] }],
    [
      "the id of an earlier Job",
      { labels: { ...labels, "job-name": "a", "controller-uid": "uid-of-before" } },
    ],
    ["another execution", { labels: { ...labels, "oz-execution-hash": "3" } }],
  ])("but not with %s", (_what, metadata) => {
    const store = new JobStore();
    store.jobs.put(made);
    store.pods.put(marked(metadata) as V1Pod);
    expect(store.livePods("a", "uid-a")).toEqual([]);
  });
});
