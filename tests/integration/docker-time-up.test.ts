/**
 * Tasks whose time was up, and whose worker was killed before it could tell: an agent that ended well when it was told to
 * was told of as one that had completed, and a container that its own worker had removed as removed by somebody else.
 */
import { expect, test } from "bun:test";
import type { Handle } from "../../src/journal/execution.ts";
import { TaskFailure, TaskStopped } from "../../src/task/backend.ts";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, resumeTask, runTask } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

/** What the next worker tells of a task that is being stopped when its own has written down no more than that. */
async function endAfter(then: (container: StoredContainer) => void): Promise<string> {
  const { backend } = await rig.backend("killed");
  const task = runTask(backend, { taskId: "t-1" });
  const container = await fake.running();
  await fake.until(() => fake.listening === 1);
  const stop = fake.hold("POST", /\/stop$/);
  task.stop("timeout");
  await stop.arrived;
  const handle: Handle | null = task.handle();
  then(container);
  const next = await rig.backend("next");
  const ended = await within(resumeTask(next.backend, handle).ended, "the task to end");
  stop.release();
  await task.ended;
  if (ended.kind !== "failed") return ended.kind;
  if (ended.error instanceof TaskStopped) return ended.error.why;
  if (ended.error instanceof TaskFailure) return `${ended.error.reason} ${ended.error.exitCode}`;
  throw ended.error;
}

test.each([0, 143, 137])("an agent that is told to end has not come to its own end: %d", async (exitCode) => {
  expect(await endAfter((container) => fake.end(container, exitCode))).toBe("timeout");
});

test("an agent that fails meanwhile has failed", async () => {
  expect(await endAfter((container) => fake.end(container, 3))).toBe("container_exit 3");
});

test("a container that has gone was stopped and removed", async () => {
  expect(await endAfter((container) => fake.drop(container))).toBe("timeout");
});
