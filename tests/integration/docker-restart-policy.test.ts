/** `docker update --restart` of all that runs: agents ran over and over, and their tasks were never reported. */
import { describe, expect, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, runTask } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

describe("a task whose container somebody gave a restart policy", () => {
  test.each([
    [0, { kind: "completed" }],
    [7, { error: { reason: "container_exit", exitCode: 7 } }],
  ])("has its first end, %d, and does not run again", async (exitCode, end) => {
    ({ backend } = await rig.backend("me", { cleanup: false }));
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    Object.assign(container, { status: "restarting", exitCode, finishedAt: new Date().toISOString() });
    fake.tell("die", container.id);
    expect(await within(task.ended, "the task to end")).toMatchObject(end);
    expect([container.status, container.name]).toEqual(["exited", expect.stringMatching(/-ended$/)]);
    expect(task.log.said("warn")).toEqual([expect.stringContaining("restart policy")]);
  });

  test("has its end although the engine refuses to stop it", async () => {
    fake.mishap("POST", /\/stop$/, { status: 500, words: "not now" });
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    Object.assign(container, { status: "restarting", exitCode: 7, finishedAt: new Date().toISOString() });
    fake.tell("die", container.id);
    expect(await within(task.ended, "the task to end")).toMatchObject({
      error: { reason: "container_exit", exitCode: 7 },
    });
    expect(fake.containers.size).toBe(0);
  });
});
