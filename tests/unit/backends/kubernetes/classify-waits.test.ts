import { describe, expect, test } from "bun:test";
import type { V1Pod } from "@kubernetes/client-node";
import { classify } from "../../../../src/backends/kubernetes/verdict/classify.ts";
import { ago, ended, event, JOB_NAME, job, NOW, pod, running, view, waiting } from "./cluster-objects.ts";

const FAILED = { type: "Failed", reason: "BackoffLimitExceeded" };

function unscheduled(secondsAgo: number, reason = "Unschedulable") {
  const condition = { type: "PodScheduled", status: "False", reason, lastTransitionTime: ago(secondsAgo) };
  return pod({ phase: "Pending", conditions: [condition] });
}

describe("a pod without a node", () => {
  test("is looked at again when its time is up", () => {
    expect(classify(view({ pods: [unscheduled(12)] }))).toEqual({ kind: "running", recheckInMs: 18_000 });
  });

  test("may wait for ever where the operator says so", () => {
    expect(classify(view({ pods: [unscheduled(9999)], unschedulableTimeoutMs: null }))).toEqual({
      kind: "running",
    });
  });

  test("may wait for ever at a scheduling gate", () => {
    expect(classify(view({ pods: [unscheduled(9999, "SchedulingGated")] }))).toEqual({ kind: "running" });
  });

  test("fails with its Job at the deadline, however long it might still wait", () => {
    const conditions = [{ ...FAILED, reason: "DeadlineExceeded" }];
    const fields = { job: job({ conditions }), pods: [unscheduled(1)], unschedulableTimeoutMs: null };
    expect(classify(view(fields))).toMatchObject({ kind: "failed", reason: "active_deadline" });
  });
});

// What the API calls required of a condition is its type and its status, of an event what it is about.
describe("a pod of which the cluster tells no more than it must", () => {
  const gone = (pending: V1Pod) => {
    const { creationTimestamp: _, uid: __, ...metadata } = pending.metadata ?? {};
    return { ...pending, metadata };
  };
  const nowhere = { type: "PodScheduled", status: "False", reason: "Unschedulable" };
  const refused = { metadata: {}, involvedObject: { name: "pod-1" }, reason: "FailedMount" };

  test("has waited for a node since it is there", () => {
    const pods = [pod({ phase: "Pending", conditions: [nowhere], createdAgo: 12 })];
    expect(classify(view({ pods }))).toEqual({ kind: "running", recheckInMs: 18_000 });
  });

  test("has waited for a node since it is followed, where it does not say since when it is there", () => {
    const seen = view({ pods: [gone(pod({ phase: "Pending", conditions: [nowhere] }))], events: [] });
    expect(classify({ ...seen, readySinceMs: NOW - 12_000 })).toEqual({
      kind: "running",
      recheckInMs: 18_000,
    });
    expect(classify({ ...seen, readySinceMs: NOW - 31_000 })).toMatchObject({ reason: "unschedulable" });
  });

  test("waits for its volumes, for all that is known, and fails by what is told of its name", () => {
    const seen = view({ pods: [gone(pod({ phase: "Pending" }))], readySinceMs: NOW - 11_000 });
    expect(classify(seen)).toEqual({ kind: "running", needsEvents: true });
    expect(classify({ ...seen, events: [refused] })).toMatchObject({ reason: "volume_mount" });
    const another = { ...refused, involvedObject: { name: "pod-2" } };
    expect(classify({ ...seen, events: [another] })).toMatchObject({ kind: "running" });
  });

  test("is not failed by what is told of an earlier pod of its name", () => {
    const pods = [pod({ phase: "Pending" })];
    const events = [{ ...refused, involvedObject: { name: "pod-1", uid: "earlier" } }];
    expect(classify(view({ pods, events }))).toMatchObject({ kind: "running" });
  });
});

/** A queue that suspends a Job takes its pods away, and the Job gets others when its turn has come. */
describe("a pod that is gone", () => {
  const suspended = job({ startedAgo: 999, conditions: [{ type: "Suspended" }] });

  test.each([
    ["a node", unscheduled(999), []],
    ["its volumes", mounting(999), [event({ reason: "FailedMount", firstAgo: 900 })]],
    ["its image", pod({ phase: "Pending", main: [waiting("ErrImagePull")] }), []],
  ])("waits for %s no more", (_what, former, events) => {
    const seen = view({ job: suspended, formerPods: [former], events });
    expect(classify(seen)).toEqual({ kind: "running" });
    expect(classify({ ...seen, job: job(), pods: [pod()] })).toEqual({ kind: "running" });
  });

  test("tells why its Job failed", () => {
    const over = job({ conditions: [FAILED] });
    const seen = view({ job: over, formerPods: [unscheduled(999)], events: [] });
    expect(classify(seen)).toMatchObject({ kind: "failed", reason: "unschedulable" });
    expect(classify({ ...seen, job: null })).toMatchObject({ kind: "failed", reason: "unschedulable" });
  });

  test("tells how its agent ended", () => {
    const formerPods = [pod({ phase: "Failed", main: [ended(3)] })];
    expect(classify(view({ formerPods }))).toMatchObject({ kind: "failed", reason: "container_exit" });
  });

  test("hides no refusal of the next one", () => {
    const fields = { job: job({ startedAgo: 40 }), formerPods: [pod({ createdAgo: 500 })] };
    const refusedBefore = event({ reason: "FailedCreate", of: "job-uid", firstAgo: 510, lastAgo: 500 });
    const refusedSince = event({ reason: "FailedCreate", of: "job-uid", firstAgo: 510, lastAgo: 30 });
    expect(classify(view({ ...fields, events: [refusedBefore] }))).toMatchObject({ kind: "running" });
    expect(classify(view({ ...fields, events: [refusedSince] }))).toMatchObject({
      kind: "failed",
      reason: "job_create",
    });
  });
});

/** On a node since so many seconds, its sandbox not made. */
function mounting(seconds: number, ready = false) {
  const scheduled = { type: "PodScheduled", lastTransitionTime: ago(seconds) };
  const sandbox = { type: "PodReadyToStartContainers", status: ready ? "True" : "False" };
  return pod({ phase: "Pending", conditions: [scheduled, sandbox], main: [waiting("ContainerCreating")] });
}

describe("a pod that waits for its volumes", () => {
  test("costs no look at the events at first", () => {
    expect(classify(view({ pods: [mounting(2)] }))).toEqual({ kind: "running", recheckInMs: 3000 });
  });

  test("then does, and again ever more seldom", () => {
    expect(classify(view({ pods: [mounting(8)] }))).toEqual({ kind: "running", needsEvents: true });
    const recheckOf = (seconds: number) => classify(view({ pods: [mounting(seconds)], events: [] }));
    expect(recheckOf(8)).toEqual({ kind: "running", recheckInMs: 5000 });
    expect(recheckOf(40)).toEqual({ kind: "running", recheckInMs: 20_000 });
    expect(recheckOf(4000)).toEqual({ kind: "running", recheckInMs: 60_000 });
  });

  test("costs none when its volumes are there and only its image is awaited", () => {
    expect(classify(view({ pods: [mounting(500, true)] }))).toEqual({ kind: "running" });
  });

  test("costs none when it has failed: its Job will say so, and is looked at then", () => {
    expect(classify(view({ pods: [pod({ phase: "Failed" })] }))).toEqual({ kind: "running" });
  });

  test("does not fail by a mount that failed once, as it may while a node is busy", () => {
    const events = [event({ reason: "FailedMount", firstAgo: 2 })];
    const verdict = classify(view({ pods: [mounting(8)], events }));
    expect(verdict).toEqual({ kind: "running", recheckInMs: 4000 });
  });

  test("does by one that nothing was heard of since", () => {
    const events = [event({ reason: "FailedMount", message: "no such configmap", firstAgo: 10 })];
    const verdict = classify(view({ pods: [mounting(12)], events }));
    expect(verdict).toMatchObject({ kind: "failed", reason: "volume_mount" });
    expect(JSON.stringify(verdict)).toContain("no such configmap");
  });

  test("does by one of the newer kind, whose only time is a text although client-node calls it a Date", () => {
    const { firstTimestamp, lastTimestamp: _, ...rest } = event({ reason: "FailedMount", firstAgo: 20 });
    const eventTime = firstTimestamp?.toISOString().replace("Z", "000Z") as unknown as Date;
    const verdict = classify(view({ pods: [mounting(22)], events: [{ ...rest, eventTime }] }));
    expect(verdict).toMatchObject({ kind: "failed", reason: "volume_mount" });
  });

  test("does not by another pod's, nor by its own once it runs", () => {
    const others = [event({ reason: "FailedMount", firstAgo: 99, of: "another" })];
    expect(classify(view({ pods: [mounting(20)], events: others }))).toMatchObject({ kind: "running" });
    const own = [event({ reason: "FailedMount", firstAgo: 99 })];
    expect(classify(view({ pods: [pod({ main: [running()] })], events: own }))).toEqual({ kind: "running" });
  });
});

describe("a pod whose containers are being started", () => {
  // Kubelets before Kubernetes 1.29 do not say that the volumes are there.
  test.each([
    ["runs", running("setup")],
    ["has ended", ended(0, { name: "setup" })],
  ])("is past its volumes when an init container %s, whatever trouble those had", (_what, container) => {
    const scheduled = { type: "PodScheduled", lastTransitionTime: ago(60) };
    const pods = [pod({ phase: "Pending", conditions: [scheduled], init: [container] })];
    const events = [event({ reason: "FailedMount", firstAgo: 50, lastAgo: 40 })];
    expect(classify(view({ pods, events }))).toEqual({ kind: "running" });
  });
});

describe("a Job without a pod", () => {
  const refused = event({ reason: "FailedCreate", message: "exceeded quota", of: "job-uid" });

  test("is looked into after a moment", () => {
    expect(classify(view({ job: job({ startedAgo: 1 }) }))).toEqual({ kind: "running", recheckInMs: 4000 });
    expect(classify(view({ job: job({ startedAgo: 9 }) }))).toEqual({ kind: "running", needsEvents: true });
    expect(classify(view({ job: job({ startedAgo: 9 }), events: [] }))).toEqual({
      kind: "running",
      recheckInMs: 5000,
    });
  });

  test("whose pod is refused has as long as a pod without a node", () => {
    const events = [refused];
    expect(classify(view({ job: job({ startedAgo: 20 }), events }))).toEqual({
      kind: "running",
      recheckInMs: 10_000,
    });
    const verdict = classify(view({ job: job({ startedAgo: 30 }), events }));
    expect(verdict).toMatchObject({ kind: "failed", reason: "job_create" });
    expect(JSON.stringify(verdict)).toContain("exceeded quota");
    const forEver = view({ job: job({ startedAgo: 9999 }), events, unschedulableTimeoutMs: null });
    expect(classify(forEver)).toMatchObject({ kind: "running" });
  });

  test("that a queue held back for hours has its time from its start on", () => {
    const started = job({ startedAgo: 20 });
    const held = { ...started, metadata: { ...started.metadata, creationTimestamp: ago(9999) } };
    const recheck = { kind: "running", recheckInMs: 10_000 } as const;
    expect(classify(view({ job: held, events: [refused] }))).toEqual(recheck);
  });

  test("that no controller has seen to has its time from its creation on", () => {
    const unseen = { ...job({ startedAgo: 9 }), status: {} };
    expect(classify(view({ job: unseen }))).toEqual({ kind: "running", needsEvents: true });
  });

  test("is not failed by another Job's refusal, nor by what else is told of its own", () => {
    const events = [
      event({ reason: "FailedCreate", of: "another" }),
      event({ reason: "Suspended", of: "job-uid" }),
    ];
    const verdict = classify(view({ job: job({ startedAgo: 40 }), events }));
    expect(verdict).toEqual({ kind: "running", recheckInMs: 20_000 });
  });

  test("is left alone while it is suspended", () => {
    const suspended = job({ startedAgo: 999, conditions: [{ type: "Suspended" }] });
    expect(classify(view({ job: suspended }))).toEqual({ kind: "running" });
  });
});

describe("a Job that failed", () => {
  test("is judged by pods that were just read, because a watch may show it before them", () => {
    const failed = { job: job({ conditions: [FAILED] }), pods: [pod({ main: [running()] })] };
    expect(classify(view(failed))).toEqual({ kind: "running", needsEvents: true });
    expect(classify(view({ ...failed, events: [] }))).toMatchObject({ kind: "failed", reason: "job_failed" });
  });

  test("is not over while only its failure is decided", () => {
    const conditions = [{ ...FAILED, type: "FailureTarget" }];
    expect(classify(view({ job: job({ conditions }), pods: [pod({ main: [running()] })] }))).toEqual({
      kind: "running",
    });
  });

  test("has not while the condition is False", () => {
    const conditions = [{ ...FAILED, status: "False" }];
    expect(classify(view({ job: job({ conditions }), pods: [pod({ main: [running()] })] }))).toEqual({
      kind: "running",
    });
  });
});

describe("the task's own Secret", () => {
  const missing = (secret: string, createdAgo: number) =>
    pod({
      phase: "Pending",
      createdAgo,
      main: [waiting("CreateContainerConfigError", `secret "${secret}" not found`)],
    });

  test("may be missed for a moment, because it is created after the Job", () => {
    const verdict = classify(view({ pods: [missing(`${JOB_NAME}-env`, 20)] }));
    expect(verdict).toMatchObject({ kind: "running", recheckInMs: 40_000 });
  });

  // What encrypts Secrets was away for more than a minute, and the task failed at once when its Secret was there.
  test("may be missed for a moment after it was created, however long that took", () => {
    const fields = { pods: [missing(`${JOB_NAME}-env`, 90)], readySinceMs: NOW - 5_000 };
    expect(classify(view(fields))).toMatchObject({ kind: "running", recheckInMs: 55_000 });
  });

  test("may not be missed for longer, nor may another be missed at all", () => {
    const failure = { kind: "failed", reason: "container_create" };
    expect(classify(view({ pods: [missing(`${JOB_NAME}-env`, 60)] }))).toMatchObject(failure);
    expect(classify(view({ pods: [missing("of-the-template", 1)] }))).toMatchObject(failure);
  });
});
