/** Workers die, their containers do not: who takes them over, who never may, and what is reported. */
import { expect, test } from "bun:test";
import { tarOf } from "../../scripts/services/tar.ts";
import { baseEntries } from "../../scripts/services/test-images.ts";
import { ContainedWorker } from "../support/live-contained-worker.ts";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngine, onEachEngineAndPodman, onUnlikeEngines } from "../support/live-services.ts";
import { eventually } from "../support/wait.ts";
import { WorkerProcess } from "../support/worker-process.ts";

const ENDS = [
  ["exit 0", ["completed", null, null]],
  ["exit 7", ["failed", "container_exit", 7]],
  ["sh -c 'kill -9 $$'", ["failed", "container_exit", 137]],
] as const;

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  expect(await worker.exited).toBe(137);
}

async function holdEnds(site: DockerSite): Promise<string[]> {
  const ids: string[] = [];
  for (const [sh] of ENDS) ids.push(...(await site.hold(1, sh)));
  return ids;
}

function saidOf(site: DockerSite, taskId: string) {
  const { state, failureReason, exitCode } = site.plane.task(taskId) ?? {};
  return [state, failureReason, exitCode];
}

async function expectTrueEnds(site: DockerSite, taskIds: readonly string[]): Promise<void> {
  for (const taskId of taskIds) await site.plane.waitForTask(taskId, [], { timeoutMs: 30_000 });
  expect(taskIds.map((taskId) => saidOf(site, taskId))).toEqual(ENDS.map(([, says]) => [...says]));
  for (const taskId of taskIds) expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
  await site.cleared();
}

onEachEngineAndPodman("restarts", ({ socket, registry }) => {
  test("three tasks of a killed worker that end while nobody watches are reported with their true ends", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start();
    const taskIds = await holdEnds(site);
    await killHard(first);
    await site.release(...taskIds);
    const running = async () => (await site.containers()).filter(({ State }) => State === "running").length;
    await eventually(async () => (await running()) === 0, "the containers to end");
    await using _second = await site.start();
    await expectTrueEnds(site, taskIds);
  });

  test("a task taken over can be cancelled, with its grace period", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start();
    const sh =
      "trap 'echo saved >/control/$TASK_ID.saved; exit 143' TERM; touch /control/$TASK_ID.up; " +
      "while :; do sleep 0.05; done";
    const { taskId } = site.plane.submit(site.task({ sh }));
    await site.signOf(`${taskId}.up`);
    await killHard(first);
    await using second = await site.start();
    await second.waitForLog(new RegExp(`task taken over .*${taskId}`));
    site.plane.cancel(taskId);
    expect((await site.plane.waitForTask(taskId)).state).toBe("cancelled");
    expect(await site.signOf(`${taskId}.saved`)).toBe("saved\n");
    await site.cleared();
  });

  test("killed at any moment after a claim, a worker is followed by one true result and no second run", async () => {
    await using site = await DockerSite.create({ socket, registry });
    for (let round = 0; round < 4; round++) {
      await using first = await site.start();
      const { taskId } = site.plane.submit(site.task({ sh: "echo ran >>/control/$TASK_ID.runs; exit 5" }));
      await site.plane.waitForTask(taskId, ["claimed"]);
      // Somewhere between the pull and the removal, another place each time.
      if (round > 0) {
        await eventually(async () => (await site.containers()).length > 0, "a container", {
          intervalMs: 5 * round,
        });
      }
      await killHard(first);
      await using _second = await site.start();
      const { exitCode, failureReason, message } = await site.plane.waitForTask(taskId, [], {
        timeoutMs: 30_000,
      });
      if (exitCode === null) {
        expect([failureReason, message]).toEqual(["unknown", expect.stringContaining("safe to retry")]);
      } else {
        expect([exitCode, failureReason]).toEqual([5, "container_exit"]);
        expect(await site.signOf(`${taskId}.runs`)).toBe("ran\n");
      }
      expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
      await site.cleared();
    }
  });

  test("a worker in a container that is gone, state folder and all, is followed by one that reports its tasks", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using contained = await ContainedWorker.start(site);
    const taskIds = await holdEnds(site);
    await contained.remove();
    await using _next = await site.start();
    await site.release(...taskIds);
    await expectTrueEnds(site, taskIds);
  });

  test("a worker in a container that runs is a live sibling", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _contained = await ContainedWorker.start(site);
    const [theirs = ""] = await site.hold(1, "exit 3");
    await using next = await site.start();
    await killHard(next);
    await using again = await site.start();
    expect(again.stderr).not.toContain(theirs);
    await site.release(theirs);
    await site.plane.waitForTask(theirs);
    expect(saidOf(site, theirs)).toEqual(["failed", "container_exit", 3]);
    expect(site.plane.terminalsOf(theirs)).toHaveLength(1);
  });
});

// Podman removes the containers of an image with it.
onEachEngine("restarts after an image was removed by force", ({ socket, registry }) => {
  // Its container could not be taken up: the lock for that is one of the same image.
  test("a task that ended while nobody watched is reported with its true end", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const docker = { image_pull_policy: "if-not-present" };
    await using first = await site.start({ docker });
    const name = `own-${site.workerId}`;
    await site.api.importImage(name, tarOf(await baseEntries()));
    const [taskId = ""] = await site.hold(1, "exit 7", { more: { docker_image: name } });
    const { Id, Image } = await site.containerOf(taskId);
    await killHard(first);
    await site.release(taskId);
    expect(await site.api.wait(Id)).toBe(7);
    await site.api.ask("DELETE", `/images/${Image}?force=1`);
    await using _second = await site.start({ docker });
    await site.plane.waitForTask(taskId, [], { timeoutMs: 30_000 });
    expect(saidOf(site, taskId)).toEqual(["failed", "container_exit", 7]);
    await site.cleared();
  });
});

onUnlikeEngines("restarts, by what two Dockers do not differ in,", ({ socket, registry }) => {
  test("three tasks of a killed worker that go on are waited for and reported with their true ends", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start();
    const taskIds = await holdEnds(site);
    await killHard(first);
    await using second = await site.start();
    for (const taskId of taskIds) await second.waitForLog(new RegExp(`task taken over .*${taskId}`));
    await site.release(...taskIds);
    await expectTrueEnds(site, taskIds);
  });

  test("a live sibling of the same worker id on the same engine is never touched", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _sibling = await site.start();
    const [theirs = ""] = await site.hold(1, "exit 3");
    const before = await site.containerOf(theirs);
    // One that shares the state folder, and one that does not and so knows of the sibling by the engine alone.
    await using other = await site.start();
    await using stranger = await site.start({ stateDir: site.dir.join("other-state") });
    for (const worker of [other, stranger]) {
      await killHard(worker);
      await using again = await site.start({ stateDir: site.dir.join("third-state") });
      expect(again.stderr).not.toContain(theirs);
      expect(await again.stop()).toBe(0);
    }
    const after = await site.containerOf(theirs);
    expect([after.Id, after.State.Running]).toEqual([before.Id, true]);
    await site.release(theirs);
    await site.plane.waitForTask(theirs);
    expect(saidOf(site, theirs)).toEqual(["failed", "container_exit", 3]);
    expect(site.plane.terminalsOf(theirs)).toHaveLength(1);
    await site.cleared();
  });

  test("containers of a worker whose state folder is gone are taken over by the next one", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start({ stateDir: site.dir.join("lost") });
    const taskIds = await holdEnds(site);
    await killHard(first);
    await using _second = await site.start({ stateDir: site.dir.join("new") });
    await site.release(...taskIds);
    await expectTrueEnds(site, taskIds);
  });

  test("two workers that start at once report a dead one's task once", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start({ stateDir: site.dir.join("lost") });
    const taskIds = await holdEnds(site);
    await killHard(first);
    const [left, right] = await Promise.all(
      ["a", "b"].map((name) => site.start({ stateDir: site.dir.join(name) })),
    );
    await using _left = left;
    await using _right = right;
    await site.release(...taskIds);
    await expectTrueEnds(site, taskIds);
  });
});

onEachEngine(
  "restarts, by what no engine decides,",
  ({ socket, registry }) => {
    // dev took the task over, stopped its container when it was stopped itself, and the result was told to nobody else.
    test("a dev with the configuration of a killed worker leaves its tasks to the next real one", async () => {
      await using site = await DockerSite.create({ socket, registry });
      await using first = await site.start();
      const taskIds = await holdEnds(site);
      await killHard(first);
      // A container of its own takes longer than its look for what dead workers left.
      const file = await site.dir.write("task.json", JSON.stringify(site.task({ sh: "exit 0" })));
      await using dev = await WorkerProcess.start({
        flags: ["dev", "--worker-id", site.workerId, "--exit-when-done", file],
        env: { DOCKER_HOST: `unix://${socket}` },
        config: site.config(),
      });
      expect(await dev.finished(30_000)).toBe(0);
      expect(dev.stderr).not.toContain("taken over");
      expect(dev.stderr).toContain(`workerId=${site.workerId}@dev`);
      await using _second = await site.start();
      await site.release(...taskIds);
      await expectTrueEnds(site, taskIds);
    });
  },
  ["debian"],
);
