import { describe, expect, test } from "bun:test";
import { classify } from "../../../../src/backends/kubernetes/verdict/classify.ts";
import type { JobView, Verdict } from "../../../../src/backends/kubernetes/verdict/view.ts";
import { ago, ended, event, JOB_NAME, job, pod, running, view, waiting } from "./cluster-objects.ts";

const COMPLETE = { type: "Complete" };
const FAILED = { type: "Failed", reason: "BackoffLimitExceeded", message: "too many failures" };
const TOO_LATE = { type: "Failed", reason: "DeadlineExceeded", message: "was active longer than specified" };
const STUCK = { type: "PodScheduled", status: "False", reason: "Unschedulable" } as const;

function failure(reason: string, exitCode?: number): object {
  return { kind: "failed", reason, ...(exitCode === undefined ? {} : { exitCode }) };
}

/** What was seen, and the reason that follows; `exitCode` only for the containers of the task. */
const TABLE: readonly (readonly [string, Partial<JobView>, object])[] = [
  ["a complete Job", { job: job({ conditions: [COMPLETE] }) }, { kind: "succeeded" }],
  ["an evicted pod", { pods: [pod({ phase: "Failed", reason: "Evicted" })] }, failure("evicted")],
  [
    "an init container that failed",
    { pods: [pod({ init: [ended(7, { name: "setup" })] })] },
    failure("init_container"),
  ],
  [
    "an init container without memory",
    { pods: [pod({ init: [ended(137, { name: "setup", reason: "OOMKilled" })] })] },
    failure("container_oom"),
  ],
  [
    "an image that cannot be pulled",
    { pods: [pod({ main: [waiting("ErrImagePull")] })] },
    failure("image_pull"),
  ],
  [
    "an image that still cannot",
    { pods: [pod({ main: [waiting("ImagePullBackOff")] })] },
    failure("image_pull"),
  ],
  [
    "an image that may not be pulled",
    { pods: [pod({ main: [waiting("ErrImageNeverPull")] })] },
    failure("image_pull"),
  ],
  [
    "a sidecar's image",
    { pods: [pod({ init: [waiting("ErrImagePull", "", "copy-sidecar-0")] })] },
    failure("image_pull"),
  ],
  ["an image's bad name", { pods: [pod({ main: [waiting("InvalidImageName")] })] }, failure("invalid_image")],
  [
    "an init image's bad name",
    { pods: [pod({ init: [waiting("InvalidImageName", "", "x")] })] },
    failure("invalid_image"),
  ],
  [
    "a bad configuration",
    { pods: [pod({ main: [waiting("CreateContainerConfigError")] })] },
    failure("container_create"),
  ],
  [
    "a container that cannot be made",
    { pods: [pod({ main: [waiting("CreateContainerError")] })] },
    failure("container_create"),
  ],
  [
    "an init container that cannot be made",
    { pods: [pod({ init: [waiting("CreateContainerError", "", "setup")] })] },
    failure("init_container"),
  ],
  [
    "a container that goes on beside the task, and cannot be made",
    { pods: [pod({ init: [waiting("CreateContainerError", "", "proxy")], lasting: ["proxy"] })] },
    failure("init_container"),
  ],
  ["an exit status", { pods: [pod({ main: [ended(3)] })] }, failure("container_exit", 3)],
  ["a signal", { pods: [pod({ main: [ended(0, { signal: 9 })] })] }, failure("container_exit", 137)],
  [
    "no memory left",
    { pods: [pod({ main: [ended(137, { reason: "OOMKilled" })] })] },
    failure("container_oom", 137),
  ],
  [
    "no node for too long",
    {
      pods: [pod({ phase: "Pending", conditions: [{ ...STUCK, lastTransitionTime: ago(30) }] })],
      events: [],
    },
    failure("unschedulable"),
  ],
  [
    "no node for too long, by what was last heard of it",
    { pods: [pod({ phase: "Pending", conditions: [{ ...STUCK, lastTransitionTime: ago(30) }] })] },
    { kind: "running", needsEvents: true },
  ],
  [
    "a volume that does not come",
    {
      pods: [pod({ phase: "Pending", conditions: [{ type: "PodScheduled", lastTransitionTime: ago(9) }] })],
      events: [event({ reason: "FailedMount", firstAgo: 6, lastAgo: 2 })],
    },
    failure("volume_mount"),
  ],
  [
    "a failed pod whose volume did not come",
    {
      job: job({ conditions: [FAILED] }),
      pods: [pod({ phase: "Failed" })],
      events: [event({ reason: "FailedMount" })],
    },
    failure("volume_mount"),
  ],
  ["a deadline", { job: job({ conditions: [TOO_LATE] }), events: [] }, failure("active_deadline")],
  [
    "a deadline of the template's own",
    { pods: [pod({ phase: "Failed", reason: "DeadlineExceeded", main: [ended(137)] })] },
    failure("active_deadline"),
  ],
  [
    "a deadline of the template's own, while the image is awaited",
    { pods: [pod({ phase: "Failed", reason: "DeadlineExceeded", main: [waiting("ImagePullBackOff")] })] },
    failure("active_deadline"),
  ],
  ["a Job that failed otherwise", { job: job({ conditions: [FAILED] }), events: [] }, failure("job_failed")],
  ["a Job that somebody deleted", { job: null }, failure("job_failed")],
  [
    "a pod that ended well, and its Job is gone",
    { job: null, pods: [pod({ phase: "Succeeded" })] },
    { kind: "succeeded" },
  ],
  ["a pod at work", { pods: [pod({ main: [running()] })] }, { kind: "running" }],
  [
    "a task that ended well, and its Job does not say so yet",
    { pods: [pod({ main: [ended(0)] })] },
    { kind: "running" },
  ],
];

describe("what is seen of a Job", () => {
  test.each(TABLE)("%s", (_what, fields, verdict) => {
    const found = classify(view(fields));
    expect(found).toMatchObject(verdict);
    if (!("exitCode" in verdict)) expect(found).not.toHaveProperty("exitCode");
  });
});

/** The control plane's order. Each would be the reason if those before it were not there. */
const ORDER: readonly (readonly [string, Partial<JobView>])[] = [
  ["evicted", { pods: [pod({ phase: "Failed", reason: "Evicted" })] }],
  ["init_container", { pods: [pod({ init: [ended(1, { name: "setup" })] })] }],
  ["image_pull", { pods: [pod({ main: [waiting("ErrImagePull")] })] }],
  ["container_exit", { pods: [pod({ main: [ended(2)] })] }],
  [
    "unschedulable",
    { pods: [pod({ phase: "Pending", conditions: [{ ...STUCK, lastTransitionTime: ago(99) }] })] },
  ],
  ["volume_mount", { pods: [pod({ phase: "Failed" })], events: [event({ reason: "FailedMount" })] }],
  ["active_deadline", { job: job({ conditions: [TOO_LATE] }) }],
];

test("of two things that are seen at once the earlier in the order is the reason", () => {
  const wrong: string[] = [];
  for (const [at, [reason, fields]] of ORDER.entries()) {
    for (const [, later] of ORDER.slice(at + 1)) {
      const pods = [...(later.pods ?? []), ...(fields.pods ?? [])];
      const found = classify(view({ ...later, ...fields, pods, events: [event({ reason: "FailedMount" })] }));
      if (found.kind !== "failed" || found.reason !== reason)
        wrong.push(`${reason}: ${JSON.stringify(found)}`);
    }
  }
  expect(wrong).toEqual([]);
});

describe("an init container that goes on beside the others", () => {
  test.each([143, 1, 137])("does not fail the task with its exit status %d", (exitCode) => {
    const init = [ended(exitCode, { name: "proxy" })];
    expect(classify(view({ pods: [pod({ init, lasting: ["proxy"], main: [running()] })] }))).toEqual({
      kind: "running",
    });
    const done = {
      job: job({ conditions: [COMPLETE] }),
      pods: [pod({ init, lasting: ["proxy"], main: [ended(0)] })],
    };
    expect(classify(view(done))).toEqual({ kind: "succeeded" });
  });

  test("does fail it when it cannot be started", () => {
    const init = [waiting("ErrImagePull", "", "proxy")];
    expect(classify(view({ pods: [pod({ init, lasting: ["proxy"] })] }))).toMatchObject(
      failure("image_pull"),
    );
  });
});

describe("another container of the template that failed", () => {
  const helper = ended(5, { name: "helper" });

  test("is no reason while the task's own still works", () => {
    expect(classify(view({ pods: [pod({ main: [helper, running()] })] }))).toEqual({ kind: "running" });
  });

  test("is the reason when the task's own ended well, and not when that failed too", () => {
    expect(classify(view({ pods: [pod({ main: [helper, ended(0)] })] }))).toMatchObject(
      failure("container_exit", 5),
    );
    expect(classify(view({ pods: [pod({ main: [helper, ended(2)] })] }))).toMatchObject(
      failure("container_exit", 2),
    );
  });

  test.each<readonly [string, Partial<JobView>]>([
    ["its pod failed", { pods: [pod({ phase: "Failed", main: [helper, waiting("ContainerCreating")] })] }],
    ["its Job failed", { job: job({ conditions: [FAILED] }), pods: [pod({ main: [helper, running()] })] }],
    ["its Job is gone", { job: null, pods: [pod({ main: [helper, running()] })] }],
  ])("is the reason when nothing can come of the task's own any more: %s", (_why, fields) => {
    expect(classify(view({ ...fields, events: [] }))).toMatchObject(failure("container_exit", 5));
  });
});

describe("a container whose runtime tells of a signal and gives no status", () => {
  // The second says nothing where the first says 0: "ended with exit status undefined".
  test.each([
    [15, 0],
    [1, 0],
    [9, undefined],
  ])("failed with 128 and the signal %d", (signal, status) => {
    const end = ended(0, { signal, reason: "Error" });
    if (status === undefined) Reflect.deleteProperty(end.state?.terminated ?? {}, "exitCode");
    expect(classify(view({ pods: [pod({ main: [end] })] }))).toMatchObject(
      failure("container_exit", 128 + signal),
    );
  });

  test("ended well when the signal is none", () => {
    const pods = [pod({ phase: "Succeeded", main: [ended(0, { signal: 0 })] })];
    expect(classify(view({ job: null, pods }))).toEqual({ kind: "succeeded" });
  });
});

describe("a container that was killed at the deadline", () => {
  const late = { activeDeadlineSeconds: 60, startedAgo: 61 };

  test.each([137, 143])(
    "with %d is seen before the Job says so, and the deadline is the reason",
    (exitCode) => {
      const pods = [pod({ main: [ended(exitCode)], beingDeleted: true })];
      expect(classify(view({ job: job(late), pods }))).toMatchObject(failure("active_deadline"));
    },
  );

  test("and ended with a status of its own is seen before the Job says so, while its pod is deleted", () => {
    const pods = [pod({ main: [ended(1)], beingDeleted: true })];
    expect(classify(view({ job: job(late), pods }))).toMatchObject(failure("active_deadline"));
  });

  test("although its node's clock is two seconds behind", () => {
    const pods = [pod({ main: [ended(137, { finishedAgo: 3 })] })];
    expect(classify(view({ job: job(late), pods }))).toMatchObject(failure("active_deadline"));
  });

  test("although nobody says when it ended", () => {
    const main = [{ ...ended(137), state: { terminated: { exitCode: 137 } } }];
    expect(classify(view({ job: job(late), pods: [pod({ main })] }))).toMatchObject(
      failure("active_deadline"),
    );
  });

  test("in an init container too", () => {
    const pods = [pod({ init: [ended(137, { name: "setup" })] })];
    expect(classify(view({ job: job(late), pods }))).toMatchObject(failure("active_deadline"));
  });

  test("whatever it ended with, when the Job has decided", () => {
    const conditions = [{ ...TOO_LATE, type: "FailureTarget" }];
    const pods = [pod({ main: [ended(1)] })];
    expect(classify(view({ job: job({ ...late, conditions }), pods }))).toMatchObject(
      failure("active_deadline"),
    );
  });

  test.each([
    ["failed by itself before it", { ...late, conditions: [TOO_LATE] }, ended(3, { finishedAgo: 20 })],
    ["failed by itself after it", late, ended(3)],
    ["was killed before it", late, ended(137, { finishedAgo: 20 })],
    [
      "was killed before it, and called late",
      { ...late, conditions: [TOO_LATE] },
      ended(137, { finishedAgo: 4 }),
    ],
    ["was killed where there is none", {}, ended(137)],
  ])("is not one that %s", (_what, fields, container) => {
    const found = classify(view({ job: job(fields), pods: [pod({ main: [container] })] }));
    expect(found).toMatchObject({ kind: "failed", reason: "container_exit" });
  });

  // Seen when the API server stood still until after it: the controller had the pod deleted before its end was told.
  test.each(["FailureTarget", "Failed"])(
    "is not one that had ended before it, although its pod is deleted for it by then: %s",
    (type) => {
      const pods = [pod({ main: [ended(31, { finishedAgo: 20 })], beingDeleted: true })];
      const seen = view({ job: job({ ...late, conditions: [{ ...TOO_LATE, type }] }), pods });
      expect(classify(seen)).toMatchObject(failure("container_exit", 31));
    },
  );

  test("is one whose node says so, by a deadline of the template's own", () => {
    const pods = [
      pod({ phase: "Failed", reason: "DeadlineExceeded", main: [ended(137, { finishedAgo: 20 })] }),
    ];
    expect(classify(view({ job: job(late), pods }))).toMatchObject(failure("active_deadline"));
  });

  // Seen when the Job controller was away until after it: the agent's work was done, and told as failed.
  test.each([
    ["is not one, whatever its Job says, when the agent had ended well before it", 20, { kind: "succeeded" }],
    ["is one when the agent ended well after it", 0, failure("active_deadline")],
  ])("%s", (_which, finishedAgo, verdict) => {
    const pods = [pod({ phase: "Succeeded", main: [ended(0, { finishedAgo })] })];
    const seen = view({ job: job({ ...late, conditions: [TOO_LATE] }), pods });
    expect(classify(seen)).toMatchObject(verdict);
  });

  test("is not one whose Job was suspended, which has no start then", () => {
    const suspended = { ...job(late), status: { conditions: [] } };
    const pods = [pod({ main: [ended(143)] })];
    expect(classify(view({ job: suspended, pods }))).toMatchObject(failure("container_exit", 143));
  });

  test("is not one that ran out of memory", () => {
    const pods = [pod({ main: [ended(137, { reason: "OOMKilled" })] })];
    expect(classify(view({ job: job(late), pods }))).toMatchObject(failure("container_oom", 137));
  });
});

// Watches of Jobs and of pods are opened again one after the other: an agent that had ended in time was told as late.
describe("a Job that is out of time", () => {
  const late = job({ activeDeadlineSeconds: 60, startedAgo: 61, conditions: [TOO_LATE] });

  test.each<readonly [string, Partial<JobView>, number]>([
    ["its pod has ended", { pods: [pod({ phase: "Succeeded", main: [ended(0)] })] }, 0],
    ["its pod has gone, and nobody saw how it ended", { formerPods: [pod({ main: [running()] })] }, 0],
    ["its pod has neither ended nor gone", { pods: [pod()] }, 20_000],
  ])("is told as that, when %s", (_what, fields, believedAfterMs) => {
    const verdict = classify(view({ job: late, ...fields }));
    expect({ believedAfterMs: 0, ...verdict }).toMatchObject({
      ...failure("active_deadline"),
      believedAfterMs,
    });
  });

  test("is not told as that before its pods have been read once", () => {
    expect(classify(view({ job: late }))).toEqual({ kind: "running", needsEvents: true });
    expect(classify(view({ job: late, events: [] }))).toMatchObject(failure("active_deadline"));
  });
});

// From 1.31 on such a Job never says that it has failed: its tasks were never reported, deadline or not.
describe("a Job that the cluster has given up while its pod's node is lost", () => {
  const main = [running()];
  const late = { activeDeadlineSeconds: 60, conditions: [{ ...TOO_LATE, type: "FailureTarget" }] };
  const lost = { conditions: [{ ...FAILED, type: "FailureTarget" }] };

  test.each([
    ["active_deadline", late, ["60 s", "DeadlineExceeded"]],
    ["job_failed", lost, ["BackoffLimitExceeded: too many failures"]],
  ])("is %s a minute after the pod had to be gone, and what ran may run on", (reason, fields, words) => {
    const verdict = classify(view({ job: job(fields), pods: [pod({ main, goneSince: 60 })], events: [] }));
    if (verdict.kind !== "failed") throw new Error(`no failure: ${JSON.stringify(verdict)}`);
    expect(verdict.reason).toBe(reason as typeof verdict.reason);
    for (const word of [...words, 'pod "pod-1"', "60 s after its grace period", "may still run"])
      expect(verdict.message).toContain(word);
  });

  test("is not believed before, nor without a fresh look", () => {
    const seen = (goneSince: number) => view({ job: job(late), pods: [pod({ main, goneSince })] });
    expect(classify(seen(20))).toEqual({ kind: "running", recheckInMs: 40_000 });
    expect(classify(seen(60))).toEqual({ kind: "running", needsEvents: true });
  });

  test.each<readonly [string, Partial<JobView>]>([
    ["the pod is not to go", { job: job(late), pods: [pod({ main })] }],
    ["one of its pods is not to go", { job: job(late), pods: [pod({ main, goneSince: 99 }), pod({ main })] }],
    ["its pods have ended", { job: job(late), pods: [pod({ phase: "Failed", goneSince: 99 })] }],
    ["nothing is decided", { pods: [pod({ main, goneSince: 99 })] }],
  ])("is none of that when %s", (_what, fields) => {
    expect(classify(view({ ...fields, events: [] }))).toEqual({ kind: "running" });
  });

  test("is reported as its container ended, when that is told", () => {
    const pods = [pod({ main: [ended(3)], goneSince: 99 })];
    expect(classify(view({ job: job(lost), pods, events: [] }))).toMatchObject(failure("container_exit", 3));
  });
});

describe("a message", () => {
  test.each<readonly [string, Partial<JobView>, readonly string[]]>([
    [
      "names container, pod, Job, namespace, phase and the cluster's words",
      { pods: [pod({ phase: "Failed", main: [ended(3, { message: "no such file" })] })] },
      [
        '"task"',
        'pod "pod-1"',
        `Job "${JOB_NAME}"`,
        'namespace "agents"',
        "phase Failed",
        "3",
        "Error: no such file",
      ],
    ],
    [
      "of SIGTERM says what does that",
      { pods: [pod({ main: [ended(143)] })] },
      ["SIGTERM", "eviction", "preemption", "drain", "deadline"],
    ],
    [
      "of a disrupted pod has the cluster's word for it",
      {
        pods: [
          pod({
            main: [ended(143)],
            conditions: [
              { type: "DisruptionTarget", reason: "PreemptionByScheduler", message: "for a better one" },
            ],
          }),
        ],
      },
      ["disrupted: PreemptionByScheduler: for a better one"],
    ],
    [
      "of a pod that somebody deleted says so",
      { pods: [pod({ main: [ended(137)], beingDeleted: true })] },
      ["exit status 137", "its pod was being deleted"],
    ],
    [
      "of a Job that failed otherwise tells of its pods too",
      {
        job: job({ conditions: [FAILED] }),
        pods: [pod({ phase: "Failed", reason: "NodeAffinity", message: "no" })],
        events: [],
      },
      ["BackoffLimitExceeded: too many failures", "NodeAffinity: no"],
    ],
    [
      "of a Job whose pod lost its node has the cluster's word for it, which only a condition holds",
      {
        job: job({ conditions: [FAILED] }),
        pods: [
          pod({
            phase: "Failed",
            conditions: [
              { type: "DisruptionTarget", reason: "DeletionByTaintManager", message: "node is gone" },
            ],
          }),
        ],
        events: [],
      },
      ["BackoffLimitExceeded: too many failures", "disrupted: DeletionByTaintManager: node is gone"],
    ],
    [
      "of a Job whose pod was deleted before its containers told how they ended says so",
      { job: job({ conditions: [FAILED] }), pods: [pod({ beingDeleted: true })], events: [] },
      ["BackoffLimitExceeded: too many failures", "its pod was being deleted"],
    ],
    [
      "of a deadline tells how long it is",
      { job: job({ conditions: [TOO_LATE], activeDeadlineSeconds: 60 }), events: [] },
      ["60 s"],
    ],
  ])("%s", (_what, fields, words) => {
    const verdict: Verdict = classify(view(fields));
    if (verdict.kind !== "failed") throw new Error(`no failure: ${JSON.stringify(verdict)}`);
    for (const word of words) expect(verdict.message).toContain(word);
  });

  test("calls an init container one, and no other", () => {
    const messageOf = (fields: Parameters<typeof pod>[0]) => {
      const verdict = classify(view({ pods: [pod(fields)] }));
      return "message" in verdict ? verdict.message : "";
    };
    expect(messageOf({ init: [ended(1, { name: "setup" })] })).toStartWith('init container "setup"');
    expect(messageOf({ main: [ended(1)] })).toStartWith('container "task"');
  });

  test("of an ordinary exit gives no hint of SIGTERM", () => {
    const verdict = classify(view({ pods: [pod({ main: [ended(1)] })] }));
    expect(JSON.stringify(verdict)).not.toContain("SIGTERM");
  });
});
