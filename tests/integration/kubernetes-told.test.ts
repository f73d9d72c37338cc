/** An execution that was given to two workers, of which one runs it, or has told its end already. */
import { beforeEach, describe, expect, test } from "bun:test";
import { firstOf } from "../support/fake-api-server.ts";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { type KubernetesRig, passTime, passTimeFor, type RiggedTask } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, instanceOf, adopting, aMinute } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

let late: KubernetesRig;
let sibling: KubernetesRig;
beforeEach(async () => {
  [late, sibling] = [await worker("late"), await worker("sibling")];
});

/** The late one has claimed it, and cannot reach its API server. */
async function claimsInVain(): Promise<RiggedTask> {
  cutOff.add("Bearer late");
  const task = late.run("t-1", "e-1");
  await passTime(cluster, () => late.log.said("warn").some((line) => line.includes("did not take it")));
  return task;
}

/** By a sibling, which has told that. @returns the Job's uid, once that is marked */
async function failsElsewhere(fail: (job: string) => void): Promise<string> {
  const { task, name } = await runningTask(sibling, "t-1", "e-1");
  fail(name);
  await passTimeFor(cluster, task.ended).catch(() => {});
  sibling.reported(task);
  const { uid } = await passTime(cluster, () => {
    const [job] = cluster.jobs();
    return job?.metadata.labels["oz-ended"] && job.metadata;
  });
  return uid;
}

const uids = () => cluster.jobs().map(({ metadata }) => metadata.uid);

describe("a worker that could not create the Job of an execution before a sibling had told its end", () => {
  // It replaced the Job, and the agent worked once more: told were two ends of one execution.
  test("tells that end, and does not run it again", async () => {
    const task = await claimsInVain();
    const uid = await failsElsewhere((job) => cluster.fail(job, 3));
    cutOff.clear();
    await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject({
      reason: "container_exit",
      exitCode: 3,
    });
    expect(uids()).toEqual([uid]);
  });

  test("runs it where the Job does not say how it ended, because its agent never began", async () => {
    const task = await claimsInVain();
    const uid = await failsElsewhere((job) => {
      const waiting = { reason: "ErrImagePull", message: "not found" };
      cluster.setPod(job, { phase: "Pending", containerStatuses: [{ name: "task", state: { waiting } }] });
    });
    // As the controller does, by the deadline that it was ended with.
    const [{ metadata } = cluster.jobs()[0]] = cluster.jobs();
    cluster.api.store.patch("jobs", metadata.name, {
      status: { conditions: [{ type: "Failed", status: "True", reason: "DeadlineExceeded" }] },
    });
    cutOff.clear();
    const [again] = await passTime(cluster, () => uids().some((each) => each !== uid) && cluster.jobs());
    cluster.complete(again?.metadata.name);
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
  });

  // The next one with its journal said that it had been killed before it had created the Job, and that a retry was safe.
  test("leaves it to that one's report when it is started again", async () => {
    const task = await claimsInVain();
    const uid = await failsElsewhere((job) => cluster.fail(job, 3));
    const next = await worker("next");
    const resumed = next.resume("t-1", task.handles.at(-1) ?? null, "e-1");
    expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
    expect(uids()).toEqual([uid]);
  });
});

// It made the Job anew: both told that the task was completed, and the agent had worked twice.
test.each([
  ["", null],
  [", and changes before that", { status: 409, reason: "Conflict" }],
])(
  "a worker that takes over a sibling's Job which goes in that moment%s leaves it to that one",
  async (_when, fault) => {
    const { task, name } = await runningTask(sibling, "t-1", "e-1");
    const takes = firstOf(({ verb, resource, headers }) => {
      return verb === "patch" && resource === "jobs" && headers["authorization"] === "Bearer late";
    });
    cluster.api.fault = (call) => {
      if (!takes(call)) return null;
      cluster.complete(name);
      cluster.api.store.delete("jobs", name);
      return fault;
    };
    const again = late.run("t-1", "e-1");
    expect(await passTimeFor(cluster, again.ended)).toBe("handed-off");
    expect(await passTimeFor(cluster, task.ended)).toBe("completed");
    expect(cluster.jobs()).toEqual([]);
  },
);

// It was told as failed, and safe to retry, while the other one's agent worked.
test("a worker that starts again with a task which it had not begun leaves it to the sibling that was given it since", async () => {
  const { task, name } = await runningTask(sibling, "t-1", "e-1");
  const owner = instanceOf(name);
  const resumed = late.resume("t-1", null, "e-1");
  expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
  expect(instanceOf(name)).toBe(owner);
  cluster.complete(name);
  expect(await passTimeFor(cluster, task.ended)).toBe("completed");
});

// Without an id, the Job of that name may be of an earlier run.
test.each([
  ["has no execution id", ""],
  ["nobody was given since", "e-2"],
])(
  "a worker that starts again with a task which it had not begun, and which %s, says so",
  async (_which, id) => {
    await runningTask(sibling, "t-1", id === "" ? id : "e-1");
    const resumed = late.resume("t-1", null, id);
    await expect(passTimeFor(cluster, resumed.ended)).rejects.toMatchObject({
      reason: "unknown",
      message: expect.stringContaining("safe to retry"),
    });
    expect(cluster.jobs()).toHaveLength(1);
  },
);

describe("an execution of which a worker of another id has the Job", () => {
  /** The sibling's, whom the late one would follow. */
  async function givenToAnotherId() {
    const { task, name } = await runningTask(sibling, "t-1", "e-1");
    const { orphans } = adopting(late);
    const given = (await worker("other", { workerId: "another" })).run("t-1", "e-1");
    expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
    await aMinute();
    return { given, name, orphans };
  }

  // Nobody of that other id knew that its new worker lived: both told of it, as completed and as deleted.
  test("is told of by the one that it was given to, and by nobody of that other id", async () => {
    const { given, name, orphans } = await givenToAnotherId();
    cluster.complete(name);
    expect(await passTimeFor(cluster, given.ended)).toBe("completed");
    expect(orphans).toEqual([]);
  });

  test("has its pods looked at, which carry that other id for good", async () => {
    const { given, name } = await givenToAnotherId();
    const waiting = { reason: "ErrImagePull", message: "not found" };
    cluster.setPod(name, { phase: "Pending", containerStatuses: [{ name: "task", state: { waiting } }] });
    await expect(passTimeFor(cluster, given.ended)).rejects.toMatchObject({ reason: "image_pull" });
  });
});
