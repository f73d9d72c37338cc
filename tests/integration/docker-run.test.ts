import { describe, expect, jest, test } from "bun:test";
import { turns } from "../../src/async/wait.ts";
import type { DockerBackend } from "../../src/backends/docker/docker.ts";
import { LABELS } from "../../src/backends/docker/labels.ts";
import { TaskFailure, TaskStopped } from "../../src/task/backend.ts";
import { logFrame } from "../support/fake-engine.ts";
import type { StatefulEngine } from "../support/stateful-engine.ts";
import type { Times } from "../support/stored-by-engine.ts";
import { within } from "../support/wait.ts";
import { type DockerRig, eachTestHasRig, runTask, type TaskUnderTest, WORKER_ID } from "./docker-rig.ts";

let rig: DockerRig;
let fake: StatefulEngine;
let backend: DockerBackend;
const CREATE = /^\/containers\/create$/;
const START = /^\/containers\/\w+\/start$/;
const STOP = /^\/containers\/\w+\/stop$/;

eachTestHasRig(async (own) => {
  rig = own;
  fake = rig.fake;
  ({ backend } = await rig.backend("me"));
});

const endOf = (task: TaskUnderTest) => within(task.ended, "the task to end");

function failureOf(ended: Awaited<TaskUnderTest["ended"]>): TaskFailure {
  if (ended.kind === "failed" && ended.error instanceof TaskFailure) return ended.error;
  throw new Error(`No failure of a task: ${JSON.stringify(ended)}`);
}

function stopOf(ended: Awaited<TaskUnderTest["ended"]>): string {
  if (ended.kind === "failed" && ended.error instanceof TaskStopped) return ended.error.why;
  throw new Error(`Not stopped: ${JSON.stringify(ended)}`, { cause: ended });
}

describe("a task", () => {
  test("that ends well completes, and nothing of it stays", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    // The watcher looks at it once it is started. Anybody may give it another name: its id finds it again.
    await fake.until(() => task.handle()?.["started"] === true);
    // With its engine: the next worker may be given another.
    expect(task.handle()).toMatchObject({ id: container.id, engine: fake.http.host });
    fake.end(container, 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
    expect(fake.containers.size).toBe(0);
    expect(task.handle()).toMatchObject({ started: true, exitCode: 0 });
  });

  test.each([
    ["the one that it names", "oz/own:1", "oz/own:1"],
    ["ubuntu:22.04 when it names none", "", "ubuntu:22.04"],
  ])("runs in the image that was pulled for it, %s", async (_which, dockerImage, image) => {
    const task = runTask(backend, { dockerImage });
    const container = await fake.running();
    expect([container.body.Image, [...fake.images]]).toEqual([image, [image]]);
    // All that a later worker finds it by.
    expect(container.labels).toMatchObject({
      [LABELS.workerId]: WORKER_ID,
      [LABELS.instance]: "me",
      [LABELS.owner]: expect.stringContaining(`${process.pid}`),
      [LABELS.role]: "task",
      [LABELS.taskId]: "t-1",
      [LABELS.executionId]: "exec-t-1",
      [LABELS.container]: container.name,
    });
    fake.end(container, 0);
    await endOf(task);
  });

  test("that fails says with which status, and nothing of it stays", async () => {
    const task = runTask(backend);
    fake.end(await fake.running(), 42);
    expect(failureOf(await endOf(task))).toMatchObject({ reason: "container_exit", exitCode: 42 });
    expect(fake.containers.size).toBe(0);
  });

  test("whose container somebody removes says that nobody knows how it ended", async () => {
    const task = runTask(backend);
    fake.drop(await fake.running());
    expect(failureOf(await endOf(task))).toMatchObject({ reason: "container_wait" });
  });

  test("whose container somebody is removing says the same, for the kill is none of its own", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    Object.assign(container, { status: "removing", exitCode: 137 });
    await fake.until(() => fake.listening === 1);
    fake.tell("die", container.id);
    expect(failureOf(await endOf(task))).toMatchObject({ reason: "container_wait" });
  });

  test("that the engine will not tell of any more fails with the engine's words", async () => {
    const looks = [1, 2, 3].map(() => fake.hold("GET", /^\/containers\/\w{64}\/json$/));
    const task = runTask(backend);
    const { id } = await fake.running();
    await fake.until(() => fake.listening === 1);
    for (const { arrived, release } of looks) {
      await within(arrived, "a look");
      fake.tell("oom", id);
      release({ status: 403, words: "not for you" });
    }
    expect(failureOf(await endOf(task))).toMatchObject({
      reason: "container_wait",
      message: "cannot wait for the container: not for you",
    });
  });

  test.each(["lost before", "lost after"] as const)(
    "runs once when the answer to its creation is %s it was done",
    async (mishap) => {
      fake.mishap("POST", CREATE, mishap);
      const task = runTask(backend);
      fake.end(await fake.running(), 0);
      expect(await endOf(task)).toEqual({ kind: "completed" });
      expect(fake.containers.size).toBe(0);
    },
  );

  // The name is taken from the moment on that the engine begins, the container is there when it is done.
  test("waits for a container that the engine is still making for an earlier try", async () => {
    fake.mishap("POST", CREATE, "lost before");
    fake.mishap("POST", CREATE, { status: 409, words: "the name is reserved" });
    const task = runTask(backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
  });

  // A start that is asked for again starts a container that has ended a second time.
  test.each<[string, Times]>([
    ["says", "told"],
    ["does not say", "left out"],
  ])(
    "runs once when the answer to its start is lost, however soon it ends, by an engine that %s when",
    async (_says, times) => {
      fake.times = times;
      fake.mishap("POST", START, "lost after");
      const task = runTask(backend);
      fake.end(await fake.running(), 0);
      expect(await endOf(task)).toEqual({ kind: "completed" });
    },
  );

  // It was waited for without end: nothing had begun.
  test("runs although a proxy has said that it was started, which the engine was not asked for", async () => {
    const letThrough = fake.refuse("POST", START, 200);
    const task = runTask(backend);
    await fake.until(() => fake.http.requests.some(({ path }) => START.test(path)));
    letThrough();
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
    expect(fake.made).toHaveLength(1);
  });

  // An empty id was asked about: the engine sent the caller elsewhere, which passed for a container that runs.
  test.each([
    ["creation", CREATE, ""],
    ["creation", CREATE, "{}"],
    ["start", START, "started"],
    ["start", START, ""],
  ])("runs once when the answer to its %s is spoiled", async (_what, path, instead) => {
    fake.mishap("POST", path, { instead });
    const task = runTask(backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
    expect(fake.containers.size).toBe(0);
  });

  // It was told of as removed, and its agent killed.
  test("that ends well completes although the engine says once that there is none, and then refuses", async () => {
    const path = /^\/containers\/\w{64}\/json$/;
    fake.mishap("GET", path, { status: 404, words: "no such container" });
    // Twice: the watcher's own next look may meet one of them.
    for (let refusals = 0; refusals < 2; refusals++)
      fake.mishap("GET", path, { status: 403, words: "not now" });
    const task = runTask(backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
  });

  test("whose image cannot be pulled fails with the engine's words, and nothing is made", async () => {
    fake.mishap("POST", /^\/images\/create$/, { status: 404, words: "manifest unknown" });
    const { reason, message } = failureOf(await endOf(runTask(backend)));
    expect([reason, message]).toEqual(["image_pull", expect.stringContaining("manifest unknown")]);
    expect(fake.made).toEqual([]);
  });

  test("that cannot be created fails with the engine's words", async () => {
    fake.mishap("POST", CREATE, { status: 400, words: "no such runtime" });
    const failure = failureOf(await endOf(runTask(backend)));
    expect(failure).toMatchObject({
      reason: "container_create",
      message: "cannot create the container: no such runtime",
    });
  });

  test("that cannot be started fails with the engine's words, and its container goes", async () => {
    fake.mishap("POST", START, { status: 400, words: "exec: not found" });
    expect(failureOf(await endOf(runTask(backend)))).toMatchObject({ reason: "container_start" });
    expect(fake.containers.size).toBe(0);
  });

  test("that cannot be started is not kept either", async () => {
    ({ backend } = await rig.backend("me", { cleanup: false }));
    fake.mishap("POST", START, { status: 400, words: "exec: not found" });
    expect(failureOf(await endOf(runTask(backend)))).toMatchObject({ reason: "container_start" });
    expect(fake.containers.size).toBe(0);
  });

  test("is kept under a name that says it ended, where the operator wants that", async () => {
    ({ backend } = await rig.backend("me", { cleanup: false }));
    const task = runTask(backend);
    const container = await fake.running();
    fake.end(container, 1);
    expect(failureOf(await endOf(task))).toMatchObject({ exitCode: 1 });
    expect(container.name).toEndWith("-ended");
    expect(fake.containers.size).toBe(1);
  });

  test("has its result although its container cannot be removed", async () => {
    fake.mishap("DELETE", /^\/containers\//, { status: 500, words: "device busy" });
    const task = runTask(backend);
    fake.end(await fake.running(), 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
  });

  // Podman says of one that is being stopped that it does not run and has status 0: it "completed".
  test.each(["stopping", "paused", "initialized", ""])("that is %p has not ended", async (status) => {
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    container.status = status;
    container.exitCode = 0;
    const look = fake.hold("GET", new RegExp(`^/containers/${container.id}/json$`));
    fake.tell("oom", container.id);
    await look.arrived;
    look.release();
    await turns(5);
    container.status = "running";
    fake.end(container, 143);
    expect(failureOf(await endOf(task))).toMatchObject({ exitCode: 143 });
  });

  test.each([502, 503, 504])(
    "goes on behind a proxy that says %p while the engine restarts",
    async (status) => {
      const words = "no server is available";
      for (const path of [CREATE, START]) fake.mishap("POST", path, { status, words });
      fake.mishap("GET", /^\/containers\/\w+\/json$/, { status, words });
      const task = runTask(backend);
      fake.end(await fake.running(), 0);
      expect(await endOf(task)).toEqual({ kind: "completed" });
    },
  );

  // The report had none of the agent's last words, because the engine's answer was lost once.
  test("that failed has its last words although the engine's answer with them is lost", async () => {
    fake.output = logFrame(2, "no space left\n");
    fake.mishap("GET", /\/logs$/, "lost before");
    const task = runTask(backend);
    fake.end(await fake.running(), 1);
    expect(failureOf(await endOf(task)).message).toContain("its last output: no space left");
  });

  test.each([
    [1, false, "info"],
    [1, true, "info"],
    [0, true, "debug"],
    [0, false, null],
  ] as const)(
    "that ends with %d, debug messages wanted: %p, has its output logged at %p",
    async (exitCode, verbose, level) => {
      const worker = await rig.backend("speaker", { verbose });
      fake.output = logFrame(1, "hello\n");
      const task = runTask(worker.backend);
      fake.end(await fake.running(), exitCode);
      await endOf(task);
      const shown = task.log.lines.filter(({ message }) => message === "task output");
      const line = { level, message: "task output", fields: { stream: "stdout", text: "hello" } };
      expect(shown).toEqual(level === null ? [] : [{ ...line, level }]);
    },
  );

  test("quotes its last words in its failure, and none that hold a secret", async () => {
    for (const [words, quoted] of [
      ["out of cheese", true],
      ["my token is hunter22", false],
    ] as const) {
      fake.output = logFrame(2, `${words}\n`);
      const task = runTask(backend, {}, { TOKEN: "hunter22" });
      fake.end(await fake.running(), 1);
      const { message } = failureOf(await endOf(task));
      expect([words, message.includes(words)]).toEqual([words, quoted]);
    }
  });

  test("has no more read of its output than the end, and fails as it does when that cannot be read", async () => {
    const asked = fake.hold("GET", /\/logs$/);
    const task = runTask(backend);
    fake.end(await fake.running(), 7);
    const { query } = await within(asked.arrived, "the look at its output");
    expect([query.get("follow"), query.get("tail")]).toEqual(["false", "2000"]);
    asked.release({ status: 500, words: "configured logging driver does not support reading" });
    expect(failureOf(await endOf(task)).exitCode).toBe(7);
    expect(task.log.said("warn")).toEqual(["cannot read the container's output"]);
  });

  test("that runs while the engine restarts goes on", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    await fake.goAway();
    await fake.comeBack();
    await within(
      fake.until(() => fake.listening === 1),
      "the worker to come back",
    );
    fake.end(container, 0);
    expect(await endOf(task)).toEqual({ kind: "completed" });
  });

  test("whose check of its sidecars the engine does not answer goes on", async () => {
    const task = runTask(backend, { sidecarImage: "oz/agent" });
    await fake.until(() => fake.fillings.length === 1);
    await fake.until(() => fake.withRole("task").length === 1);
    fake.end(await fake.running(), 0);
    const name = fake.fillings[0] ?? "";
    expect(await endOf(task)).toEqual({ kind: "completed" });
    const again = runTask(backend, { sidecarImage: "oz/agent" });
    const creation = fake.hold("POST", CREATE);
    await creation.arrived;
    fake.mishap("GET", new RegExp(`^/volumes/${name}$`), "lost before");
    creation.release();
    fake.end(await fake.running(), 0);
    expect(await endOf(again)).toEqual({ kind: "completed" });
  });
});

/** A worker that is shut down ends with its last task: what comes to rest later stays in the engine. */
async function expectAtRestBeforeEnd(task: TaskUnderTest): Promise<void> {
  const clearing = fake.hold("DELETE", /^\/containers\//);
  task.stop("cancelled");
  await clearing.arrived;
  // More than enough for the answers of an engine in the same process.
  const early = await Promise.race([task.ended, turns(500)]);
  clearing.release();
  expect(early).toBeUndefined();
  expect(stopOf(await endOf(task))).toBe("cancelled");
  expect(fake.containers.size).toBe(0);
}

describe("a task that is cancelled", () => {
  test("while its image is pulled makes nothing", async () => {
    const pull = fake.hold("POST", /^\/images\/create$/);
    const task = runTask(backend);
    await pull.arrived;
    task.stop("cancelled");
    expect(stopOf(await endOf(task))).toBe("cancelled");
    expect(fake.containers.size).toBe(0);
  });

  test("while a sidecar is filled leaves neither containers nor a volume that counts", async () => {
    const filling = fake.hold("PUT", /\/archive$/);
    const task = runTask(backend, { sidecarImage: "oz/agent" });
    await filling.arrived;
    await expectAtRestBeforeEnd(task);
    expect(fake.volumesWithRole("sidecar-complete")).toEqual([]);
  });

  test("while a private copy is filled leaves no volume", async () => {
    const filling = fake.hold("PUT", /\/archive$/);
    const additionalSidecars = [{ image: "oz/tools", mountPath: "/tools", readWrite: true }];
    const task = runTask(backend, { additionalSidecars });
    await filling.arrived;
    task.stop("cancelled");
    expect(stopOf(await endOf(task))).toBe("cancelled");
    expect(fake.volumes.size).toBe(0);
  });

  // The engine goes on with what it has begun: a volume that came later stayed until the worker was gone.
  test("while the volume of a private copy is made leaves none, although the engine makes it late", async () => {
    const creation = fake.hold("POST", /^\/volumes\/create$/);
    const additionalSidecars = [{ image: "oz/tools", mountPath: "/tools", readWrite: true }];
    const task = runTask(backend, { additionalSidecars });
    await creation.arrived;
    task.stop("cancelled");
    const early = await Promise.race([task.ended, turns(500)]);
    creation.release();
    expect(early).toBeUndefined();
    expect(stopOf(await endOf(task))).toBe("cancelled");
    expect(fake.volumes.size).toBe(0);
  });

  test("while several private copies are filled leaves none of them", async () => {
    const additionalSidecars = ["/a", "/b", "/c"].map((mountPath) => ({
      image: "oz/tools",
      mountPath,
      readWrite: true,
    }));
    const fillings = additionalSidecars.map(() => fake.hold("PUT", /\/archive$/));
    const task = runTask(backend, { additionalSidecars });
    await Promise.all(fillings.map(({ arrived }) => arrived));
    await expectAtRestBeforeEnd(task);
    expect(fake.volumes.size).toBe(0);
  });

  // The engine goes on with what it has begun: it made a container that nobody knew of. A lock would be held for good.
  test.each([
    ["its container", {}],
    ["the lock of a sidecar's volume", { sidecarImage: "oz/agent" }],
    [
      "a container to fill a copy with",
      { additionalSidecars: [{ image: "oz/tools", mountPath: "/tools", readWrite: true }] },
    ],
  ])("while %s is created leaves none, although the engine makes it late", async (_what, fields) => {
    const creation = fake.hold("POST", CREATE);
    const task = runTask(backend, fields);
    await creation.arrived;
    // Whatever comes of it is found again.
    expect(task.handle()).toMatchObject({ started: false });
    jest.useFakeTimers();
    task.stop("cancelled");
    jest.advanceTimersByTime(9_900);
    jest.useRealTimers();
    await Promise.race([task.ended, turns(50)]);
    creation.release();
    expect(stopOf(await endOf(task))).toBe("cancelled");
    await within(
      fake.until(() => fake.made.length === 1),
      "the container to be made",
    );
    expect(fake.containers.size).toBe(0);
  });

  test("while its container is made anew leaves none, although the answer to that is lost", async () => {
    const start = fake.hold("POST", START);
    const task = runTask(backend);
    await start.arrived;
    for (const container of fake.withRole("task")) fake.drop(container);
    const creation = fake.hold("POST", CREATE);
    start.release();
    await creation.arrived;
    task.stop("cancelled");
    creation.release("lost after");
    expect(stopOf(await endOf(task))).toBe("cancelled");
    expect(fake.made).toHaveLength(2);
    expect(fake.containers.size).toBe(0);
  });

  test("while it is being started is stopped gently, if it did start", async () => {
    const start = fake.hold("POST", START);
    const task = runTask(backend);
    await start.arrived;
    fake.withRole("task").forEach((container) => {
      container.status = "running";
    });
    const stop = fake.hold("POST", STOP);
    task.stop("cancelled");
    start.release();
    await stop.arrived;
    await Promise.race([task.ended, turns(50)]);
    expect(fake.withRole("task")).toMatchObject([{ status: "running" }]);
    stop.release();
    expect(stopOf(await endOf(task))).toBe("cancelled");
    expect(fake.containers.size).toBe(0);
  });

  test("while it runs is told to stop and given its grace", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    await fake.until(() => fake.listening === 1);
    task.stop("cancelled");
    expect(stopOf(await endOf(task))).toBe("cancelled");
    expect(container.exitCode).toBe(143);
    const stop = fake.http.requests.find(({ path }) => STOP.test(path));
    expect(stop?.query.get("t")).toBe("2");
    expect(fake.containers.size).toBe(0);
  });

  test("and does not stop is killed once there is no more time", async () => {
    const task = runTask(backend);
    const container = await fake.running();
    container.stubborn = true;
    await fake.until(() => fake.listening === 1);
    const stop = fake.hold("POST", STOP);
    task.stop("shutdown");
    await stop.arrived;
    // For the next worker, should this one be gone before the engine is done.
    expect(task.handle()).toMatchObject({ started: true, stopping: true });
    stop.release();
    task.hurry();
    expect(stopOf(await endOf(task))).toBe("shutdown");
    expect(container.exitCode).toBe(137);
  });
});
