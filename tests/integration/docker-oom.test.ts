import { describe, expect, jest, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import { TaskFailure } from "../../src/task/backend.ts";
import type { StatefulEngine, StoredContainer } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import {
  type DockerRig,
  deadOwner,
  eachTestHasRig,
  resumeTask,
  runTask,
  type TaskUnderTest,
  taskLabelsOf,
} from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
const NAME = "oz-worker-t-1-00000000";
const LOOK = /^\/containers\/\w{64}\/json$/;

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

async function failureOf(task: TaskUnderTest): Promise<string> {
  const ended = await within(task.ended, "the task to end");
  if (ended.kind !== "failed" || !(ended.error instanceof TaskFailure)) throw new Error(ended.kind);
  return `${ended.error.reason} ${ended.error.exitCode}`;
}

async function watched(): Promise<StoredContainer> {
  const container = await fake.running();
  await fake.until(() => fake.listening === 1);
  return container;
}

/** The look that found the end has been answered, and the next one, for what is told late. */
async function endAndBeSeen(container: StoredContainer): Promise<void> {
  const look = fake.hold("GET", LOOK);
  const next = fake.hold("GET", LOOK);
  fake.end(container, 137);
  await look.arrived;
  look.release();
  await next.arrived;
  next.release();
}

describe("a task whose container ended with SIGKILL", () => {
  test("was out of memory when the engine's state says so", async () => {
    const task = runTask(backend);
    fake.end(await fake.running(), 137, true);
    expect(await failureOf(task)).toBe("container_oom 137");
  });

  // An engine once told of a container that the kernel had ended for its memory as of one that somebody killed.
  test("was out of memory when only an event before its end says so", async () => {
    const task = runTask(backend);
    const container = await watched();
    fake.tell("oom", container.id);
    fake.end(container, 137);
    expect(await failureOf(task)).toBe("container_oom 137");
  });

  test("was out of memory when only an event just after its end says so", async () => {
    const task = runTask(backend);
    const container = await watched();
    jest.useFakeTimers();
    await endAndBeSeen(container);
    fake.tell("oom", container.id);
    expect(await failureOf(task)).toBe("container_oom 137");
  });

  test("was killed by somebody when nothing is told of its own memory", async () => {
    const task = runTask(backend);
    const container = await watched();
    fake.tell("oom", fake.add("another", {}).id);
    jest.useFakeTimers();
    await endAndBeSeen(container);
    jest.advanceTimersByTime(500);
    expect(await failureOf(task)).toBe("container_exit 137");
  });

  test.each([
    ["was out of memory when the engine remembers the event", true, "container_oom 137"],
    ["has the end that the engine's state tells when it remembers none", false, "container_exit 137"],
  ])("while no worker ran %s", async (_what, remembered, end) => {
    const container = fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"), "running");
    if (remembered) fake.tell("oom", container.id);
    fake.end(container, 137);
    const task = resumeTask(backend, writeHandle({ ...newHandle(NAME), started: true }));
    expect(await failureOf(task)).toBe(end);
  });
});

test("an agent that went on after one of its children was killed for its memory has its own end", async () => {
  const task = runTask(backend);
  const container = await watched();
  fake.tell("oom", container.id);
  fake.end(container, 1);
  expect(await failureOf(task)).toBe("container_exit 1");
});
