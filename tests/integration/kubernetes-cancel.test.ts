/** What becomes of a cancellation when one worker has it, and another has, or takes, the Job. */
import { expect, test } from "bun:test";
import type { FakeCluster } from "../support/fake-cluster.ts";
import { eachTestHasFleet } from "../support/kubernetes-fleet.ts";
import { passTime, passTimeFor, type RiggedTask } from "../support/kubernetes-rig.ts";

let cluster: FakeCluster;
let cutOff: Set<string>;
const { worker, runningTask, adopting, startAnew } = eachTestHasFleet((own) => {
  ({ cluster, cutOff } = own);
});

const CANCELLED = { why: "cancelled" };
const TAKEN = "another worker has taken the task's Job over, and reports it";

async function isEnding(job: string): Promise<void> {
  await passTime(cluster, () => cluster.api.store.get("jobs", job)?.metadata.deletionTimestamp);
}

/** As the one that `by` has taken over. */
function taken(by: readonly RiggedTask[]): Promise<RiggedTask> {
  return passTime(cluster, () => by[0]);
}

// Each was told as failed by the other: somebody had deleted its Job.
test.each([
  ["cancelled", 143],
  ["timeout", 143],
] as const)(
  "a task that is being stopped (%s) when its worker dies is told of so by the one that takes its Job over",
  async (why, exitCode) => {
    const { task, name } = await runningTask(await worker("dead"), "t-1");
    task.stop(why);
    await isEnding(name);
    cutOff.add("Bearer dead");
    const { tasks } = adopting(await worker("other"));
    const { ended } = await taken(tasks);
    const terminated = { exitCode, reason: "Error" };
    cluster.setPod(name, { phase: "Failed", containerStatuses: [{ name: "task", state: { terminated } }] });
    await cluster.turn();
    cluster.reap(name);
    await expect(passTimeFor(cluster, ended)).rejects.toMatchObject({ why });
  },
);

// It was called off by one, and failed by the other, whose Job was gone by no hand of its own.
test("a task whose worker is told to cancel it once another has its Job is told of by that one alone, as cancelled", async () => {
  const one = await worker("cut off");
  const { task, name } = await runningTask(one, "t-1");
  cutOff.add("Bearer cut off");
  cluster.api.cutWatches();
  const { tasks } = adopting(await worker("other"));
  const { ended } = await taken(tasks);
  task.stop("cancelled");
  cutOff.clear();
  expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  one.reported(task);
  await isEnding(name);
  cluster.reap(name);
  await expect(passTimeFor(cluster, ended)).rejects.toMatchObject(CANCELLED);
  const deletions = cluster.api.callsOf("delete", "jobs").filter((call) => call.name === name);
  expect(deletions.map(({ headers }) => headers["authorization"])).toEqual(["Bearer other"]);
});

// A worker that was frozen for a minute saw first that its Job was another's, and then what its user had said meanwhile to
// it alone: the Job ran on.
test("a task whose worker reads its cancellation right after it saw that another has its Job is cancelled by that one", async () => {
  const one = await worker("frozen");
  const { task, name } = await runningTask(one, "t-1");
  cutOff.add("Bearer frozen");
  cluster.api.cutWatches();
  const { tasks } = adopting(await worker("other"));
  const { ended } = await taken(tasks);
  cutOff.clear();
  await passTime(cluster, () => one.log.said("warn").includes(TAKEN));
  task.stop("cancelled");
  expect(await passTimeFor(cluster, task.ended)).toBe("handed-off");
  await isEnding(name);
  cluster.reap(name);
  await expect(passTimeFor(cluster, ended)).rejects.toMatchObject(CANCELLED);
});

// It ran on, for the other had not been told.
test("a task whose worker is killed right after its cancellation is cancelled by whoever has its Job when that is back", async () => {
  const { task, name } = await runningTask(await worker("killed"), "t-1");
  cutOff.add("Bearer killed");
  const { tasks } = adopting(await worker("other"));
  const { ended } = await taken(tasks);
  const resumed = (await worker("back")).resume("t-1", task.handles.at(-1) ?? null);
  resumed.stop("cancelled");
  expect(await passTimeFor(cluster, resumed.ended)).toBe("handed-off");
  await isEnding(name);
  cluster.reap(name);
  await expect(passTimeFor(cluster, ended)).rejects.toMatchObject(CANCELLED);
});

test("a task whose Job is gone by the time that it is seen to be stopped elsewhere is told of as cancelled", async () => {
  const { task, name } = await runningTask(await worker("one"), "t-1");
  const annotations = { "oz-agent-worker/stopping": "cancelled" };
  cluster.api.store.quietly(() => cluster.api.store.patch("jobs", name, { metadata: { annotations } }));
  cluster.reap(name);
  await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject(CANCELLED);
});

// A policy that has to be asked, and is away, holds changes up, and no deletions.
test.each([
  ["may not change", { status: 403 }],
  ["gets no answer when it changes", "silence"],
] as const)("a task is cancelled by a worker that %s its Job, but may delete it", async (_which, fault) => {
  const { task, name } = await runningTask(await worker("one"), "t-1");
  cluster.api.fault = ({ verb, resource }) => (verb === "patch" && resource === "jobs" ? fault : null);
  task.stop("cancelled");
  const stoppedAt = performance.now();
  await isEnding(name);
  expect(performance.now() - stoppedAt).toBeLessThan(10_000);
  cluster.reap(name);
  await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject(CANCELLED);
});

// Whose a Job is stands nowhere then.
test("a task is cancelled by a worker that may not have Leases", async () => {
  await startAnew({ forbidden: ["create leases"] });
  const { task, name } = await runningTask(await worker("one"), "t-1");
  task.stop("cancelled");
  await isEnding(name);
  cluster.reap(name);
  await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject(CANCELLED);
});

// For seconds, while the worker's role was bound anew: its task had been told as cancelled, and the agent worked on for good.
test("a Job that may not be ended in the moment of its cancellation is ended once that is allowed", async () => {
  const one = await worker("one");
  const { task, name } = await runningTask(one, "t-1");
  cluster.api.fault = ({ verb, resource }) =>
    resource === "jobs" && (verb === "patch" || verb === "delete")
      ? { status: 403, reason: "Forbidden" }
      : null;
  task.stop("cancelled");
  await expect(passTimeFor(cluster, task.ended)).rejects.toMatchObject(CANCELLED);
  one.reported(task);
  const told = () => one.log.said("warn").some((line) => line.includes("cannot clean up after a task"));
  await passTime(cluster, told);
  cluster.api.fault = () => null;
  await passTime(cluster, () => cluster.api.store.get("jobs", name) === null);
});
