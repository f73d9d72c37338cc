/**
 * Agents that had ended when their task was to be stopped, of which the worker had not heard yet: the engine was away, or
 * busy. A task that had completed was told of as one that is safe to retry, and its work was done twice.
 */
import { describe, expect, test } from "bun:test";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import type { StopReason } from "../../src/task/backend.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import {
  type DockerRig,
  deadOwner,
  eachTestHasRig,
  resumeTask,
  runTask,
  taskLabelsOf,
} from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

/** The end of a task whose agent ends with that status while the engine is away, and that is stopped then. */
async function endOf(exitCode: number, why: StopReason) {
  const { backend } = await rig.backend("me");
  const task = runTask(backend);
  const container = await fake.running();
  await fake.until(() => fake.listening === 1);
  await fake.goAway();
  fake.end(container, exitCode);
  task.stop(why);
  await fake.comeBack();
  const ended = await within(task.ended, "the task to end");
  expect(fake.containers.size).toBe(0);
  return ended;
}

describe("a task whose agent had ended before it was to be stopped", () => {
  test.each(["shutdown", "timeout"] as const)(
    "has done its work, whatever it is stopped for: %s",
    async (why) => {
      expect(await endOf(0, why)).toEqual({ kind: "completed" });
    },
  );

  test.each([5, 143])("has its own status, which is %d", async (exitCode) => {
    expect(await endOf(exitCode, "shutdown")).toMatchObject({
      error: { reason: "container_exit", exitCode },
    });
  });

  test.each([
    [10_000, "completed"],
    [1_000, "failed"],
  ])("%d ms ago has its own end, of which a busy engine hears only then: %s", async (ago, kind) => {
    const { backend } = await rig.backend("me");
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    const stop = fake.hold("POST", /\/stop$/);
    task.stop("shutdown");
    await stop.arrived;
    fake.end(container, 0);
    container.finishedAt = new Date(Date.now() - ago).toISOString();
    stop.release();
    expect((await within(task.ended, "the task to end")).kind).toBe(kind as never);
  });

  test("has its own end, too, when nobody had heard yet that it was started", async () => {
    const { backend } = await rig.backend("me");
    const start = fake.hold("POST", /\/start$/);
    const task = runTask(backend);
    await start.arrived;
    for (const container of fake.withRole("task")) {
      container.status = "running";
      container.startedAt = new Date().toISOString();
      fake.end(container, 3);
    }
    task.stop("shutdown");
    expect(await within(task.ended, "the task to end")).toMatchObject({ error: { exitCode: 3 } });
    start.release("lost before");
  });

  test("was cancelled all the same, when that is what its user wants", async () => {
    expect(await endOf(0, "cancelled")).toMatchObject({ error: { why: "cancelled" } });
  });

  test("was stopped when an earlier worker had asked for it", async () => {
    const { backend } = await rig.backend("me");
    const name = "oz-worker-t-1-00000000";
    const { id } = fake.add(name, taskLabelsOf(deadOwner("dead"), "t-1"));
    const earlier = { ...newHandle(name), id, started: true, stopping: true, stoppedAt: Date.now() };
    const task = resumeTask(backend, writeHandle(earlier));
    await fake.until(() => fake.listening === 1);
    await fake.goAway();
    const container = fake.find(id);
    if (container !== undefined) fake.end(container, 143);
    task.stop("shutdown");
    await fake.comeBack();
    expect(await within(task.ended, "the task to end")).toMatchObject({ error: { why: "shutdown" } });
  });
});
