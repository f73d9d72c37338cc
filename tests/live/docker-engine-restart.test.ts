/** An engine that goes away in the middle of a task, on engines of the tests' own. */
import { expect, test } from "bun:test";
import { DockerEngine, type DockerEngineOptions } from "../../scripts/services/docker-engine.ts";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngine } from "../support/live-services.ts";

async function withEngine(
  options: DockerEngineOptions,
  registry: string,
  body: (engine: DockerEngine, site: DockerSite) => Promise<void>,
): Promise<void> {
  await using engine = await DockerEngine.start(options);
  const site = await DockerSite.create({ socket: engine.socket, registry });
  try {
    await body(engine, site);
  } finally {
    if (!engine.running) await engine.startAgain();
    await site[Symbol.asyncDispose]();
  }
}

onEachEngine("an engine that is stopped and started again", ({ flavour, registry }) => {
  test("with live-restore its tasks go on, and are reported with their true ends", async () => {
    await withEngine({ flavour, liveRestore: true }, registry, async (engine, site) => {
      await using _worker = await site.start();
      const [ends = ""] = await site.hold(1, "exit 9");
      await engine.stop("SIGKILL");
      await engine.startAgain();
      await site.release(ends);
      const task = await site.plane.waitForTask(ends, [], { timeoutMs: 40_000 });
      expect([task.state, task.failureReason, task.exitCode]).toEqual(["failed", "container_exit", 9]);
      expect((await site.run({})).state).toBe("completed");
      await site.cleared();
    });
  });

  test("without it the containers end, which is reported, and the next task runs", async () => {
    await withEngine({ flavour }, registry, async (engine, site) => {
      await using _worker = await site.start();
      const [taskId = ""] = await site.hold(1, "exit 0");
      await engine.stop();
      await engine.startAgain();
      const task = await site.plane.waitForTask(taskId, [], { timeoutMs: 40_000 });
      expect([task.state, task.failureReason]).toEqual(["failed", "container_exit"]);
      expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
      expect((await site.run({})).state).toBe("completed");
      await site.cleared();
    });
  });

  // The modern one does not itself know how what ended meanwhile has ended: it says 255.
  if (flavour === "modern") return;

  test("with live-restore a task that ends meanwhile is reported with its true end", async () => {
    await withEngine({ flavour, liveRestore: true }, registry, async (engine, site) => {
      await using _worker = await site.start();
      const [taskId = ""] = await site.hold(1, "echo over >/control/$TASK_ID.over; exit 9");
      await engine.stop();
      await site.release(taskId);
      await site.signOf(`${taskId}.over`);
      await engine.startAgain();
      const task = await site.plane.waitForTask(taskId, [], { timeoutMs: 40_000 });
      expect([task.state, task.failureReason, task.exitCode]).toEqual(["failed", "container_exit", 9]);
      await site.cleared();
    });
  });

  test("a task that comes while it is away waits for it, or fails with what is wrong", async () => {
    await withEngine({ flavour }, registry, async (engine, site) => {
      await using _worker = await site.start();
      await engine.stop();
      const { taskId } = site.plane.submit(site.task({ sh: "exit 0" }));
      await site.plane.waitForTask(taskId, ["claimed", "failed"]);
      await engine.startAgain();
      const { state, message } = await site.plane.waitForTask(taskId, [], { timeoutMs: 40_000 });
      if (state !== "completed") expect(message).toContain(engine.socket);
      expect((await site.run({})).state).toBe("completed");
    });
  });
});
