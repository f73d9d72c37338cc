/**
 * `docker system prune`, which hosts have in their crontab, takes every container that does not run, and what
 * no container uses: also those that a task is about to start, or to be made ready with. It failed then.
 */
import { describe, expect, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { TaskFailure } from "../../src/task/backend.ts";
import type { Held, StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, resumeTask, runTask, type TaskUnderTest } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
const CREATE = /^\/containers\/create$/;
const START = /^\/containers\/\w+\/start$/;
const PULL = /^\/images\/create$/;
const additionalSidecars = [{ image: "oz/tools", mountPath: "/tools", readWrite: true }];
const sidecarImage = "oz/agent";

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

/** What does not run, and then the volumes that nothing uses. */
function prune(): void {
  for (const one of [...fake.containers.values()]) if (one.status !== "running") fake.drop(one);
  const used = [...fake.containers.values()].flatMap(({ body }) => body.HostConfig?.Binds ?? []);
  for (const name of [...fake.volumes.keys()])
    if (!used.some((bind) => bind.startsWith(`${name}:`))) fake.volumes.delete(name);
}

/** While that request waits. */
async function pruneAt({ arrived, release }: Held): Promise<void> {
  await within(arrived, "the request");
  prune();
  release();
}

const asked = (method: string, path: RegExp) =>
  fake.http.requests.filter((one) => one.method === method && path.test(one.path)).length;
const filesAt = (binds: readonly string[] = []) =>
  binds.map((bind) => fake.volumes.get(bind.split(":")[0] ?? "")?.files.replace(/ of .*/, ""));

async function failureOf(task: TaskUnderTest): Promise<TaskFailure> {
  const ended = await within(task.ended, "the task to end");
  if (ended.kind === "failed" && ended.error instanceof TaskFailure) return ended.error;
  throw new Error(`No failure of a task: ${JSON.stringify(ended)}`);
}

/** It has all its sidecars whole, ends well, and leaves nothing of its own. */
async function expectWhole(task: TaskUnderTest, sidecars: number): Promise<void> {
  const container = await within(fake.running(), "the task");
  expect(filesAt(container.body.HostConfig?.Binds)).toEqual(Array(sidecars).fill("files"));
  fake.end(container, 0);
  expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
  expect([fake.containers.size, fake.volumesWithRole("private-sidecar")]).toEqual([0, []]);
  expect([...fake.volumes.values()].every(({ labels }) => "oz-filling" in labels)).toBe(true);
  expect(asked("POST", START)).toBe(1);
}

describe("a prune", () => {
  test.each([
    ["the files are read of", "GET", /\/export$/],
    ["the files are written to", "PUT", /\/archive$/],
    ["is made to write the files to", "POST", CREATE],
  ])("of the container that %s costs another filling", async (_what, method, path) => {
    const held = fake.hold(method, path);
    const task = runTask(backend, { additionalSidecars });
    await pruneAt(held);
    await expectWhole(task, 1);
  });

  // Docker's words while it unpacks: the task failed with them.
  test("of a container that the engine writes files to costs another filling, whatever it calls that", async () => {
    const held = fake.hold("PUT", /\/archive$/);
    const task = runTask(backend, { additionalSidecars });
    await within(held.arrived, "the filling");
    prune();
    held.release({
      status: 500,
      words: "Error processing tar file(exit status 1): no such file or directory",
    });
    await expectWhole(task, 1);
  });

  test("while the volume is filled that all tasks share costs another filling", async () => {
    const held = fake.hold("PUT", /\/archive$/);
    const task = runTask(backend, { sidecarImage });
    await pruneAt(held);
    await expectWhole(task, 1);
  });

  test("of a copy that is filled, right before its task's container is made, costs another one", async () => {
    const task = runTask(backend, { additionalSidecars });
    await within(
      fake.until(() => fake.fillings.length === 1),
      "the filling",
    );
    // The engine makes an empty one for a container that wants it.
    await pruneAt(fake.hold("POST", CREATE));
    await expectWhole(task, 1);
  });

  test("of a sidecar's image before its files are read costs another pull", async () => {
    fake.mishap("POST", CREATE, { status: 404, words: "No such image: sha256:0" });
    const task = runTask(backend, { additionalSidecars });
    await expectWhole(task, 1);
    expect(asked("POST", PULL)).toBe(3);
  });

  test("of the task's image before its container is made costs another pull", async () => {
    fake.mishap("POST", CREATE, { status: 404, words: "No such image: ubuntu:22.04" });
    const task = runTask(backend);
    await expectWhole(task, 0);
    expect(asked("POST", PULL)).toBe(2);
    expect(task.log.said("warn")).toHaveLength(1);
  });

  test("of the container that is about to be started, and then of its copies, has all made anew", async () => {
    const held = fake.hold("POST", START);
    const task = runTask(backend, { additionalSidecars, sidecarImage });
    await within(held.arrived, "the start");
    prune();
    const fate = fake.until(() => fake.withRole("task").find(({ status }) => status === "running"));
    held.release();
    const container = await within(fate, "the task");
    expect(filesAt(container.body.HostConfig?.Binds)).toEqual(["files", "files"]);
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect([fake.containers.size, fake.volumesWithRole("private-sidecar")]).toEqual([0, []]);
    expect(asked("POST", START)).toBe(2);
  });

  test.each([
    ["a filling", /\/archive$/, "PUT", "sidecar_prep"],
    ["a start", START, "POST", "container_start"],
  ])("each time at %s is given up, says so, and leaves nothing", async (_what, path, method, reason) => {
    const held = [1, 2, 3].map(() => fake.hold(method, path));
    const task = runTask(backend, { additionalSidecars });
    for (const one of held) await pruneAt(one);
    expect((await failureOf(task)).reason).toBe(reason as never);
    expect(asked(method, path)).toBe(3);
    expect([fake.volumes.size, fake.containers.size]).toEqual([0, 0]);
  });

  test("after a start whose answer was lost is no reason to run the task again", async () => {
    fake.mishap("POST", START, "lost after");
    const task = runTask(backend);
    const container = await within(fake.running(), "the task");
    fake.end(container, 0);
    prune();
    expect((await failureOf(task)).reason).toBe("container_start");
    expect([asked("POST", START), fake.made]).toEqual([1, [container.name]]);
  });

  // It was told of as not begun, and safe to retry, although its agent had come to its end.
  test("after a start whose answer a killed worker did not live to hear leaves nobody who knows", async () => {
    const start = fake.hold("POST", START);
    const task = runTask(backend);
    await within(start.arrived, "the start");
    const handle = task.handle();
    start.release();
    fake.end(await within(fake.running(), "the task"), 0);
    prune();
    const next = await rig.backend("next");
    const { reason, message } = await failureOf(resumeTask(next.backend, handle));
    expect([reason, message]).toEqual([
      "container_wait",
      expect.stringContaining("nobody knows whether it ran"),
    ]);
    await task.ended;
  });

  test.each(["removing", "dead"])(
    "that has not come to its end yet is one all the same: the container is %s",
    async (status) => {
      const held = fake.hold("POST", START);
      const task = runTask(backend);
      await within(held.arrived, "the start");
      for (const one of fake.withRole("task")) one.status = status;
      held.release({ status: 409, words: "container is marked for removal and cannot be started" });
      fake.end(await within(fake.running(), "the task"), 0);
      expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
      expect([fake.made.length, fake.containers.size]).toEqual([2, 0]);
    },
  );

  test("of a volume costs the task when the engine will not let go of its container, and says what to do", async () => {
    const creation = fake.hold("POST", CREATE);
    const task = runTask(backend, { additionalSidecars });
    await within(creation.arrived, "the filling");
    fake.refuse("DELETE", /^\/containers\/[0-9a-f]{64}$/);
    const made = fake.until(() => fake.withRole("task")[0]);
    const look = fake.hold("GET", /^\/volumes\//);
    creation.release();
    await within(look.arrived, "the look at its volumes");
    look.release({ status: 404, words: "no such volume" });
    const container = await within(made, "the container");
    const { reason, message } = await failureOf(task);
    expect(reason).toBe("container_create");
    expect(message).toContain("operation not permitted; it has not been started, so it is safe to retry");
    expect(message).toEndWith(`docker rm --force ${container.id.slice(0, 12)}`);
    expect([asked("POST", START), fake.withRole("task").length]).toEqual([0, 1]);
  });

  test("is not what a start was refused for when the container is still there", async () => {
    fake.mishap("POST", START, { status: 404, words: "network none not found" });
    const { reason, message } = await failureOf(runTask(backend));
    expect([reason, message]).toEqual([
      "container_start",
      "cannot start the container: network none not found",
    ]);
    expect([asked("POST", START), fake.made.length]).toEqual([1, 1]);
    // There is nothing to be stopped either, which would take its time.
    expect(asked("POST", /\/stop$/)).toBe(0);
  });
});
