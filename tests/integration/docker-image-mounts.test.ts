/**
 * From API 1.48 on an engine may mount a sidecar's image as it is. Docker 29.0 to 29.1.3 refuses that for nearly
 * every image and place ("file name too long"), and Docker 28 for the same image at two places: every task with a
 * sidecar failed there.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { TaskFailure } from "../../src/task/backend.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import { within } from "../support/wait.ts";
import { DockerRig, runTask, type TaskUnderTest } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
const CREATE = /^\/containers\/create$/;
const TOO_LONG = { status: 500, words: "mkdir /var/lib/docker/rootfs/overlayfs/6139: file name too long" };
const sidecarImage = "oz/agent";

beforeEach(async () => {
  rig = await DockerRig.start("1.52");
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});
afterEach(() => rig[Symbol.asyncDispose]());

/** The bodies of all that were asked for tasks' containers. */
function asked() {
  const bodies = fake.http.requests
    .filter(({ method, path }) => method === "POST" && CREATE.test(path))
    .map(({ body }) => JSON.parse(body.toString()) as { Labels: Record<string, string>; HostConfig: object });
  return bodies.filter(({ Labels }) => Labels["oz-role"] === "task").map(({ HostConfig }) => HostConfig);
}

async function runToItsEnd(task: TaskUnderTest): Promise<void> {
  const container = await within(fake.running(), "the task");
  fake.end(container, 0);
  expect(await within(task.ended, "the end")).toEqual({ kind: "completed" });
}

const image = { Mounts: [expect.objectContaining({ Type: "image", Target: "/agent", ReadOnly: true })] };
const volume = { Binds: [expect.stringMatching(/^oz-agent-[0-9a-f]{12}:\/agent:ro$/)] };

describe("on an engine that can mount images", () => {
  test("a sidecar's image is mounted as it is", async () => {
    await runToItsEnd(runTask(backend, { sidecarImage }));
    expect(asked()).toEqual([expect.objectContaining(image)]);
    expect(fake.fillings).toEqual([]);
  });

  // A proxy before the engine's socket gives it no volumes, and it needs none: each task had a warning and a failed cleanup.
  test("a task needs no volumes to begin, to end and to be cleared away", async () => {
    fake.refuse("GET", /^\/volumes/, 403);
    const task = runTask(backend, { sidecarImage });
    await runToItsEnd(task);
    expect([task.log.said("warn"), task.failedSteps]).toEqual([[], []]);
    expect(fake.containers.size).toBe(0);
  });

  // A 500 is not believed at once, and a conflict may be about a container that is still being made.
  test.each([
    ["with a failure of its own", 2, TOO_LONG],
    ["as a conflict", 4, { status: 409, words: 'AlreadyExists: lease "c7fc-sha256:af87": already exists' }],
  ])(
    "a sidecar whose image it refuses to mount, %s, comes from a volume, as do those of later tasks",
    async (_why, times, refusal) => {
      for (let time = 0; time < times; time++) fake.mishap("POST", CREATE, refusal);
      const task = runTask(backend, { sidecarImage });
      await runToItsEnd(task);
      const bodies = [...Array(times).fill(image), volume];
      expect(asked()).toEqual(bodies.map((one) => expect.objectContaining(one)));
      expect(asked().at(-1)).not.toHaveProperty("Mounts");
      expect(task.log.said("warn")).toEqual([
        "engine refuses the container with its sidecars' images mounted: trying volumes instead",
      ]);
      await runToItsEnd(runTask(backend, { sidecarImage, taskId: "t-2" }));
      expect(asked()).toHaveLength(times + 2);
      expect(asked().at(-1)).toMatchObject(volume);
      expect(fake.fillings).toHaveLength(1);
      expect([fake.containers.size, fake.volumesWithRole("private-sidecar")]).toEqual([0, []]);
    },
  );

  test("a prune of an image before it is mounted costs another pull, and it is mounted all the same", async () => {
    fake.mishap("POST", CREATE, { status: 404, words: "No such image: sha256:0" });
    await runToItsEnd(runTask(backend, { sidecarImage }));
    expect(asked()).toEqual([image, image].map((one) => expect.objectContaining(one)));
    expect(fake.fillings).toEqual([]);
  });

  test("a request that it calls a bad one fails the task at once, with its words", async () => {
    fake.mishap("POST", CREATE, { status: 400, words: "range of CPUs is from 0.01 to 2.00" });
    const error = await failureOf(runTask(backend, { sidecarImage }));
    expect(error.reason).toBe("container_create");
    expect(String(error)).toContain("range of CPUs");
    expect(asked()).toHaveLength(1);
    expect(fake.fillings).toEqual([]);
  });

  test("what it refuses with volumes too fails the task with its words, and images are mounted for the next", async () => {
    // The task's, which is asked twice; the lock, both that fill the volume; the task's again.
    const held = Array.from({ length: 7 }, () => fake.hold("POST", CREATE));
    const forTheTask = [0, 1, 5, 6];
    const refusal = { status: 500, words: "no such runtime" };
    for (const [index, { release }] of held.entries())
      release(forTheTask.includes(index) ? refusal : undefined);
    const error = await failureOf(runTask(backend, { sidecarImage }));
    expect(error.reason).toBe("container_create");
    expect(String(error)).toContain("no such runtime");
    expect(asked()).toHaveLength(4);
    await runToItsEnd(runTask(backend, { sidecarImage, taskId: "t-2" }));
    expect(asked().at(-1)).toMatchObject(image);
  });

  test("a refusal is told as what it is when no volume can be made ready in place of the image", async () => {
    const held = Array.from({ length: 3 }, () => fake.hold("POST", CREATE));
    const forTheLock = { status: 400, words: "too many containers" };
    for (const [index, { release }] of held.entries()) release(index < 2 ? TOO_LONG : forTheLock);
    const error = await failureOf(runTask(backend, { sidecarImage }));
    expect(error.reason).toBe("container_create");
    expect(String(error)).toContain("file name too long");
  });
});

async function failureOf({ ended }: TaskUnderTest): Promise<TaskFailure> {
  const end = await within(ended, "the end");
  if (end.kind === "failed" && end.error instanceof TaskFailure) return end.error;
  throw new Error(`It ended otherwise: ${end.kind}`);
}
