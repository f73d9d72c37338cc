/** A start of which neither the worker that asked for it nor the engine lived to know. */
import { expect, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { deadOwner, eachTestHasRig, resumeTask, taskLabelsOf } from "./docker-rig.ts";

let fake: StatefulEngine;
let backend: DockerBackend;
const NAME = "oz-worker-t-1-00000000";

eachTestHasRig(async (rig) => {
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
  fake.add(NAME, taskLabelsOf(deadOwner("dead"), "t-1"), "created");
});

async function errorOf(more: Partial<Parameters<typeof writeHandle>[0]>): Promise<unknown> {
  const handle = writeHandle({ ...newHandle(NAME), starting: true, ...more });
  return Reflect.get(await within(resumeTask(backend, handle).ended, "the task to end"), "error");
}

// The agent had run while its engine was away, and its worker shut down meanwhile: it was told as never begun.
test.each([
  ["shutdown", true],
  ["timeout", false],
] as const)("a task that was being stopped keeps the reason for that: %s", async (why, stopping) => {
  expect(await errorOf({ started: true, stopping, stoppedAt: Date.now() })).toMatchObject({ why });
  expect(fake.containers.size).toBe(0);
});

test("a task is not said to have never started when only the engine says so, which may have been killed", async () => {
  const error = await errorOf({});
  expect(error).toMatchObject({ reason: "unknown" });
  expect(String(error)).toMatch(/knows of no start; it is safe to retry, unless that was killed/);
  expect(fake.containers.size).toBe(0);
});

test("a task whose start was not asked for has not begun", async () => {
  expect(String(await errorOf({ starting: false }))).toContain("killed before it had started the task");
});
