/** A task that is stopped gets its time, then ends for certain, and nothing of it runs on. */
import { expect, test } from "bun:test";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngineAndPodman } from "../support/live-services.ts";
import { eventually } from "../support/wait.ts";

/** Says when it is up, and takes its time over SIGTERM. */
const GENTLE =
  "trap 'sleep 0.7; echo saved >/control/$TASK_ID.saved; exit 143' TERM; touch /control/$TASK_ID.up; " +
  "while :; do sleep 0.05; done";
const DEAF = "trap '' TERM; touch /control/$TASK_ID.up; while :; do sleep 0.05; done";

const MORE_THAN_AT_A_TIME = 3 * navigator.hardwareConcurrency + 4;

async function startTask(site: DockerSite, sh: string): Promise<string> {
  const { taskId } = site.plane.submit(site.task({ sh }));
  await site.signOf(`${taskId}.up`);
  return taskId;
}

onEachEngineAndPodman("stopping", ({ socket, registry, flavour }) => {
  test("a cancelled agent has its grace period to save its work, and no container is left", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const taskId = await startTask(site, GENTLE);
    site.plane.cancel(taskId);
    const task = await site.plane.waitForTask(taskId);
    expect([task.state, task.message]).toEqual(["cancelled", "Task cancelled by user request."]);
    expect(await site.signOf(`${taskId}.saved`)).toBe("saved\n");
    expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
    await site.cleared();
  });

  test("with --no-cleanup a cancelled container is stopped as well, and stays", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start({ flags: ["--no-cleanup"] });
    const taskId = await startTask(site, GENTLE);
    // Before the worker knows that its task has begun there is nothing that it would keep.
    await eventually(async () => (await site.containerOf(taskId)).State.Running, "the engine to know");
    site.plane.cancel(taskId);
    expect((await site.plane.waitForTask(taskId)).state).toBe("cancelled");
    expect(await site.signOf(`${taskId}.saved`)).toBe("saved\n");
    const { State } = await site.containerOf(taskId);
    expect([State.Running, State.ExitCode]).toEqual([false, 143]);
  });

  test("an agent that does not listen is killed when the grace period is over", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start({ top: { cancel_grace_period: "1s" } });
    const taskId = await startTask(site, DEAF);
    const begun = performance.now();
    site.plane.cancel(taskId);
    expect((await site.plane.waitForTask(taskId)).state).toBe("cancelled");
    const tookMs = performance.now() - begun;
    expect(tookMs).toBeGreaterThan(900);
    expect(tookMs).toBeLessThan(8_000);
    await site.cleared();
  });

  test("a worker that is stopped stops its tasks, says that they may be run again, and leaves nothing", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start({ top: { cancel_grace_period: "2s" } });
    const gentle = await startTask(site, GENTLE);
    const deaf = await startTask(site, DEAF);
    expect(await worker.stop("SIGTERM", 20_000)).toBe(0);
    for (const taskId of [gentle, deaf]) {
      const { failureReason, message } = site.plane.task(taskId) ?? {};
      expect(failureReason).toBe("graceful_shutdown");
      expect(message).toMatch(/safe to retry/);
    }
    expect(await site.signOf(`${gentle}.saved`)).toBe("saved\n");
    await site.cleared();
  });

  test("a task that is cancelled while its image comes ends without a container", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const tasks = Array.from({ length: 6 }, () => site.plane.submit(site.task({ sh: "sleep 30" })));
    await Promise.all(tasks.map(({ taskId }) => site.plane.waitForTask(taskId, ["claimed"])));
    // At any moment of their way to a running container.
    for (const { taskId } of tasks) site.plane.cancel(taskId);
    for (const { taskId } of tasks) {
      expect((await site.plane.waitForTask(taskId, [], { timeoutMs: 30_000 })).state).toBe("cancelled");
    }
    await site.cleared();
  });

  // Podman stops three containers for each processor and one more at a time: the others were killed unheard.
  if (flavour === "podman")
    test("each of many agents that are cancelled at once hears of it at once", async () => {
      await using site = await DockerSite.create({ socket, registry });
      await using worker = await site.start({ top: { cancel_grace_period: "3s" } });
      const stubborn = "trap 'touch /control/$TASK_ID.told' TERM; touch /control/$TASK_ID.up";
      const sh = `${stubborn}; while :; do sleep 1 & wait; done`;
      const taskIds = await Promise.all(
        Array.from({ length: MORE_THAN_AT_A_TIME }, () => startTask(site, sh)),
      );
      const startedAt = performance.now();
      for (const taskId of taskIds) site.plane.cancel(taskId);
      for (const taskId of taskIds) await site.signOf(`${taskId}.told`);
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      for (const taskId of taskIds)
        expect((await site.plane.waitForTask(taskId, [], { timeoutMs: 20_000 })).state).toBe("cancelled");
      expect(worker.stderr).not.toMatch(/engine has not stopped the container/);
      await site.cleared();
    });

  // These are the worker's own affair.
  if (flavour !== "debian") return;

  test("a worker that drains lets its container end by itself", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start({ top: { drain_timeout: "1h" } });
    const [taskId = ""] = await site.hold(1);
    worker.kill("SIGTERM");
    await worker.waitForLog(/taking no more tasks/);
    await site.release(taskId);
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskId)).toMatchObject({ state: "completed", terminals: 1 });
    await site.cleared();
  });

  test("a worker whose time is over while its tasks take theirs still leaves nothing", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const top = { cancel_grace_period: "1s", shutdown_timeout: "1s" };
    await using worker = await site.start({ top });
    const taskIds = await Promise.all([DEAF, DEAF, DEAF].map((sh) => startTask(site, sh)));
    expect(await worker.stop("SIGTERM", 20_000)).toBe(0);
    for (const taskId of taskIds) {
      expect(site.plane.task(taskId)?.failureReason).toBe("graceful_shutdown");
    }
    await site.cleared();
  });

  test("a task over its time is stopped and says so", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start({ top: { max_task_duration: "2s", cancel_grace_period: "1s" } });
    const task = await site.run({ sh: "sleep 60 & wait" });
    expect([task.state, task.failureReason]).toEqual(["failed", "task_timeout"]);
    await site.cleared();
  });
});
