/** Engines that speak Docker's API, and tell less than Docker does. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { newHandle, writeHandle } from "../../src/backends/docker/handle.ts";
import { LABELS } from "../../src/backends/docker/labels.ts";
import type { Handle } from "../../src/journal/execution.ts";
import { TaskFailure } from "../../src/task/backend.ts";
import { refuse } from "../support/fake-engine.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
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

eachTestHasRig(async (made) => {
  rig = made;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

async function endOf(task: TaskUnderTest): Promise<string> {
  const ended = await within(task.ended, "the task to end");
  return ended.kind === "failed" && ended.error instanceof TaskFailure ? ended.error.reason : ended.kind;
}

// Each of its tasks failed, as one does whose end the engine has forgotten.
describe("on an engine that never says when a container ended", () => {
  test("a task that ended well has ended well", async () => {
    fake.times = "start only";
    const task = runTask(backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toBe("completed");
  });

  test("one that was taken over while it ran, and ended well, has ended well", async () => {
    fake.times = "start only";
    const container = fake.add("oz-worker-t-1-1", taskLabelsOf(deadOwner("dead"), "t-1"));
    const handle = { container: "oz-worker-t-1-1", id: container.id, started: true };
    const task = resumeTask(backend, handle);
    const looks = () =>
      fake.http.requests.filter(({ path }) => path === `/containers/${container.id}/json`).length;
    // Two were for its lock. Another one begins when that by which it is seen to run is over.
    await fake.until(() => fake.listening === 1 && looks() === 3);
    fake.tell("oom", container.id);
    await fake.until(() => looks() === 4);
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
  });

  test("nobody knows how one ended while the engine was away: its host may have been started anew", async () => {
    fake.times = "start only";
    const task = runTask(backend);
    const container = await fake.running();
    const look = fake.hold("GET", new RegExp(`^/containers/${container.id}/json$`));
    await look.arrived;
    await fake.goAway();
    look.release("lost before");
    fake.end(container, 0);
    await fake.comeBack();
    expect(await endOf(task)).toBe("container_wait");
  });

  // A machine that is reset sends no word of it, and may be up again before the next look.
  test("nobody knows either where it is podman, which says so after a restart of its host alone", async () => {
    fake.http.speakAsPodman("5.8.0");
    const podman = await rig.backend("podman's");
    fake.times = "start only";
    const task = runTask(podman.backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toBe("container_wait");
  });
});

// Routers have words of their own for a path that they do not have, as a proxy has that finds no engine.
const ROUTER = "404 page not found";

describe.each([null, "", ROUTER])("on an engine without volumes, which says so with %j,", (page) => {
  const VOLUMES = /^\/volumes/;
  beforeEach(() => {
    for (const method of ["GET", "POST", "DELETE"]) fake.refuse(method, VOLUMES, 404, page);
  });

  // Its tasks' containers were removed again and again, with a warning each time, and reported half a minute later.
  test("nothing but the container is to be removed", async () => {
    const task = runTask(backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toBe("completed");
    expect(fake.containers.size).toBe(0);
    expect(task.failedSteps).toEqual([]);
    expect(fake.http.requests.filter(({ path }) => VOLUMES.test(path)).length).toBe(1);
  });

  // It was asked for its mark without end.
  test("a task that is taken over has its true end", async () => {
    const container = fake.add("oz-worker-t-1", taskLabelsOf(deadOwner("gone"), "t-1"));
    const saved = { ...newHandle(container.name, ""), id: container.id, started: true };
    const task = resumeTask(backend, writeHandle(saved));
    await fake.until(() => fake.listening > 0);
    fake.end(container, 3);
    expect(await endOf(task)).toBe("container_exit");
    expect(fake.containers.size).toBe(0);
  });
});

// Its report came half a minute later, and where the words were the engine's own nothing said that its end was told.
test.each([null, ROUTER])(
  "a container that cannot get another name stays, and is marked, %j",
  async (page) => {
    const keeping = (await rig.backend("keeper", { cleanup: false })).backend;
    fake.refuse("POST", /\/rename$/, 404, page);
    const task = runTask(keeping);
    const container = await fake.running();
    fake.end(container, 0);
    expect(await endOf(task)).toBe("completed");
    expect(fake.containers.get(container.id)).toBe(container);
    expect(fake.volumesWithRole("ended").map(({ labels }) => labels[LABELS.ended])).toEqual([container.id]);
    expect(fake.http.requests.filter(({ path }) => path.endsWith("/rename")).length).toBeLessThanOrEqual(2);
  },
);

/** Until it is let go of. The first one that is offered is taken. */
function searchOrphans() {
  const search = new AbortController();
  const offer = Promise.withResolvers<Handle>();
  const searched = backend.findOrphans(({ handle }) => {
    offer.resolve(handle);
    return "taken";
  }, search.signal);
  return {
    offer: within(offer.promise, "an offer"),
    [Symbol.asyncDispose]: async () => {
      search.abort();
      await searched;
    },
  };
}

// Each task took the volume that all share with it, another worker's containers were taken over, and anybody's volumes gone.
test("on an engine that heeds no filter nothing is touched that is not marked as a task's own", async () => {
  fake.heedsFilters = false;
  fake.addVolume("theirs");
  const left = taskLabelsOf(deadOwner("gone"), "t-9");
  const ours = fake.add("ours", left, "exited");
  // The newest is looked at first.
  const stranger = fake.add("stranger", { ...left, [LABELS.workerId]: "another" }, "exited");
  await using search = searchOrphans();
  expect(await search.offer).toMatchObject({ container: ours.name });
  await search[Symbol.asyncDispose]();
  fake.drop(ours);
  const task = runTask(backend, { sidecarImage: "oz/agent" });
  fake.end(await fake.running(), 0);
  expect(await endOf(task)).toBe("completed");
  expect(fake.volumesWithRole("sidecar").length).toBe(1);
  expect(fake.volumes.has("theirs")).toBe(true);
  expect(fake.containers.has(stranger.id)).toBe(true);
});

// Its tasks never ended; a container whose journal is lost was offered, and then left to a worker that was this one.
describe("on an engine that tells of one container nothing but its state", () => {
  beforeEach(() => {
    fake.tellsStateOnly = true;
  });

  test("a task has its true end", async () => {
    const task = runTask(backend);
    fake.end(await fake.running(), 3);
    expect(await endOf(task)).toBe("container_exit");
    expect(fake.containers.size).toBe(0);
  });

  test("a task that no journal knows has its true end", async () => {
    const container = fake.add("oz-worker-t-1", taskLabelsOf(deadOwner("gone"), "t-1"));
    await using search = searchOrphans();
    const task = resumeTask(backend, await search.offer);
    await fake.until(() => fake.listening > 0);
    fake.end(container, 3);
    expect(await endOf(task)).toBe("container_exit");
    expect(fake.containers.size).toBe(0);
  });
});

// It was refused as one that runs "linux/".
test("an engine of which nobody may see what it runs has its worker, and runs tasks", async () => {
  for (const path of ["/version", "/info"]) fake.http.on("GET", path, refuse(403, "Forbidden"));
  const { backend: another, log } = await rig.backend("another");
  expect(log.lines.find(({ message }) => message === "container engine chosen")?.fields).toMatchObject({
    platform: "linux/unknown",
  });
  const task = runTask(another);
  fake.end(await fake.running(), 0);
  expect(await endOf(task)).toBe("completed");
  const pull = await fake.http.seen("POST", "/images/create");
  expect(pull.query.has("platform")).toBe(false);
});
