/** Names that stay taken although no container has them, as when podman was killed while it made one. */
import { expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, runTask } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
const CREATE = /^\/containers\/create$/;
const TAKEN = { status: 409, words: "the name is in use" } as const;

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

const removals = () => fake.http.requests.filter(({ method }) => method === "DELETE").map(({ path }) => path);

/** The waits of a task that tries again and again take no time. */
async function passTimeUntil(isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await turns(20);
    jest.advanceTimersByTime(250);
  }
}

/** A task whose container's name is said to be taken so often, and that container. */
async function startsAfter(refusals: number) {
  const { backend } = await rig.backend("me");
  for (let tries = 0; tries < refusals; tries++) fake.mishap("POST", CREATE, TAKEN);
  jest.useFakeTimers();
  const task = runTask(backend);
  await passTimeUntil(() => fake.withRole("task").some(({ status }) => status === "running"));
  jest.useRealTimers();
  return { task, container: await fake.running() };
}

// Podman was started again under tasks that began, and of the containers that it had been making it kept the files alone.
test("one that a task's container is to have is asked for once more when the engine was told to let go of it", async () => {
  const { task, container } = await startsAfter(4);
  expect(removals()).toEqual([`/containers/${container.name}`]);
  fake.end(container, 0);
  expect(await within(task.ended, "the task to end")).toMatchObject({ kind: "completed" });
});

test("one that is only slow to be seen is left alone", async () => {
  const { task, container } = await startsAfter(3);
  expect(removals()).toEqual([]);
  fake.end(container, 0);
  expect(await within(task.ended, "the task to end")).toMatchObject({ kind: "completed" });
});
