/**
 * Sidecar volumes that somebody prunes between their filling and the container that is to hold them: the
 * engine then makes an empty one of the same name, without a label and without a word. Of a private copy
 * nobody noticed: the task ran with an empty /agent, and the volume stayed for ever.
 */
import { describe, expect, test } from "bun:test";
import { TaskFailure } from "../../src/task/backend.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, runTask } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
const CREATION = /^\/containers\/create$/;
const tools = { image: "oz/tools", mountPath: "/tools", readWrite: true };
const more = { image: "oz/more", mountPath: "/more", readWrite: true };

eachTestHasRig((own) => {
  rig = own;
  fake = rig.fake;
});

/** Until what is about to be asked for is the container of the task itself. */
async function taskContainer() {
  for (;;) {
    const creation = fake.hold("POST", CREATION);
    const { body } = await within(creation.arrived, "the creation of a container");
    if (JSON.parse(body.toString()).Labels?.["oz-role"] === "task") return creation;
    creation.release();
  }
}

function prune(role = "private-sidecar"): string[] {
  const names = fake.volumesWithRole(role).map(({ name }) => name);
  for (const name of names) fake.volumes.delete(name);
  return names;
}

const filesAt = (binds: readonly string[] = []) =>
  binds.map((bind) => fake.volumes.get(bind.split(":")[0] ?? "")?.files.replace(/ of .*/, ""));

describe("a private copy that is pruned before the task's container holds it", () => {
  test("is filled again, and nothing of either is left behind", async () => {
    const { backend } = await rig.backend("me");
    const task = runTask(backend, { additionalSidecars: [tools] });
    const creation = await taskContainer();
    const pruned = prune();
    creation.release();
    const container = await within(fake.running(), "the task");
    expect(pruned).toHaveLength(1);
    expect(filesAt(container.body.HostConfig?.Binds)).toEqual(["files"]);
    expect([...fake.volumes.keys()]).not.toContain(pruned[0]);
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect([fake.volumes.size, fake.containers.size]).toEqual([0, 0]);
  });

  test("is filled again beside one that was not pruned", async () => {
    const { backend } = await rig.backend("me");
    const task = runTask(backend, { additionalSidecars: [tools, more] });
    const creation = await taskContainer();
    const [victim = ""] = fake.volumesWithRole("private-sidecar").map(({ name }) => name);
    fake.volumes.delete(victim);
    creation.release();
    const container = await within(fake.running(), "the task");
    expect(filesAt(container.body.HostConfig?.Binds)).toEqual(["files", "files"]);
    expect(fake.volumes.size).toBe(2);
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect(fake.volumes.size).toBe(0);
  });

  test("is filled again where it was pruned between its making and its filling", async () => {
    const { backend } = await rig.backend("me");
    const source = fake.hold("POST", CREATION);
    const task = runTask(backend, { additionalSidecars: [tools] });
    await within(source.arrived, "the filling");
    prune();
    source.release();
    const container = await within(fake.running(), "the task");
    expect(filesAt(container.body.HostConfig?.Binds)).toEqual(["files"]);
    expect(fake.volumesWithRole("private-sidecar")).toHaveLength(1);
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect(fake.volumes.size).toBe(0);
  });

  // What the engine had made in its place stayed for ever, forgotten as soon as the second copy was seen to be whole.
  test("leaves nothing where the engine went away, too, while what it made in its place was filled", async () => {
    const { backend } = await rig.backend("me");
    const source = fake.hold("POST", CREATION);
    const task = runTask(backend, { additionalSidecars: [tools] });
    await within(source.arrived, "the filling");
    const [pruned = "none"] = prune();
    fake.mishap("PUT", /archive$/, "lost after");
    source.release();
    const container = await within(fake.running(), "the task");
    expect([...fake.volumes.keys()]).toContain(pruned);
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect([...fake.volumes.keys()]).toEqual([]);
  });

  // The task failed for an unknown reason, with nothing but the engine's "operation not permitted".
  test.each([
    ["the container cannot be removed", "DELETE", /^\/containers\//, "container_create", "docker rm --force"],
    ["nobody may look at it", "GET", /^\/volumes\/oz-tools-/, "sidecar_prep", "sidecar volumes"],
  ])("and %s is told of with what was tried", async (_what, method, path, reason, advice) => {
    const { backend } = await rig.backend("me");
    const task = runTask(backend, { additionalSidecars: [tools] });
    const creation = await taskContainer();
    prune();
    fake.refuse(method, path);
    creation.release();
    const end = await within(task.ended, "the end");
    const error = end.kind === "failed" && end.error instanceof TaskFailure ? end.error : null;
    expect(error?.reason).toBe(reason as never);
    for (const part of ["cannot ", "operation not permitted", advice, fake.made.at(-1) ?? "?"])
      expect(error?.message).toContain(part);
  });

  test("each time is given up, says so, and leaves nothing", async () => {
    const { backend } = await rig.backend("me");
    const task = runTask(backend, { additionalSidecars: [tools] });
    for (let tries = 0; tries < 3; tries++) {
      const creation = await taskContainer();
      prune();
      creation.release();
    }
    const end = await within(task.ended, "the end");
    expect(end.kind === "failed" && end.error instanceof TaskFailure && end.error.reason).toBe(
      "sidecar_prep",
    );
    expect(fake.fillings).toHaveLength(3);
    expect([fake.volumes.size, fake.containers.size]).toEqual([0, 0]);
  });

  test.each(["private-sidecar", "sidecar"])(
    "leaves nothing when its task is cancelled then: %s",
    async (role) => {
      const { backend } = await rig.backend("me");
      const task = runTask(backend, { additionalSidecars: [{ ...tools, readWrite: role !== "sidecar" }] });
      const creation = await taskContainer();
      const [pruned = ""] = prune(role);
      prune("sidecar-complete");
      const removal = fake.hold("GET", new RegExp(`^/volumes/${pruned}$`));
      creation.release();
      await within(removal.arrived, "the look at it");
      expect(fake.volumes.get(pruned)?.labels).toEqual({});
      task.stop("cancelled");
      removal.release();
      expect((await within(task.ended, "the end")).kind).toBe("failed");
      expect([[...fake.volumes.keys()], fake.containers.size]).toEqual([[], 0]);
    },
  );

  test("goes without what a stranger has made under its name meanwhile", async () => {
    const { backend } = await rig.backend("me");
    const task = runTask(backend, { additionalSidecars: [tools] });
    const creation = await taskContainer();
    const [pruned = ""] = prune();
    fake.addVolume(pruned, { "com.example": "mine" }, "a stranger's");
    creation.release();
    const container = await within(fake.running(), "the task");
    expect(filesAt(container.body.HostConfig?.Binds)).toEqual(["files"]);
    fake.end(container, 0);
    expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
    expect([...fake.volumes.values()].map(({ name, files }) => [name, files])).toEqual([
      [pruned, "a stranger's"],
    ]);
  });
});

test("a shared volume that was pruned and is held by two tasks' containers serves neither empty", async () => {
  const { backend } = await rig.backend("me");
  const sidecar = { ...tools, readWrite: false };
  const one = runTask(backend, { taskId: "one", additionalSidecars: [sidecar] });
  const first = await taskContainer();
  const other = runTask(backend, { taskId: "other", additionalSidecars: [sidecar] });
  const second = await taskContainer();
  prune("sidecar");
  const look = fake.hold("GET", /^\/volumes\/oz-tools-[0-9a-f]{12}$/);
  first.release();
  await within(look.arrived, "the first look");
  second.release();
  look.release();
  const running = () => fake.withRole("task").filter(({ status }) => status === "running");
  await within(
    fake.until(() => running().length === 2),
    "both tasks",
  );
  for (const { body } of running()) expect(filesAt(body.HostConfig?.Binds)).toEqual(["files"]);
  for (const container of running()) fake.end(container, 0);
  for (const { ended } of [one, other]) expect(await within(ended, "the end")).toEqual({ kind: "completed" });
  expect([...fake.volumes.values()].every(({ labels }) => "oz-filling" in labels)).toBe(true);
});
