/** Containers that the engine will not remove or stop, and that people rename: one true end each, and none stays. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngine } from "../support/live-services.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

/** Upkeep is done as often as volumes have to be looked at. */
const OFTEN = { docker: { sidecar_volume_max_age: "1s" } } as const;

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  expect(await worker.exited).toBe(137);
}

/** A file among the engine's own of the container that nobody can remove: the engine says 500. */
class Immovable implements AsyncDisposable {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  static async make(site: DockerSite, id: string): Promise<Immovable> {
    const { DockerRootDir } = (await site.api.ask("GET", "/info")) as { DockerRootDir: string };
    const file = `${DockerRootDir}/containers/${id}/immovable`;
    await Bun.write(file, "");
    expect(await Bun.spawn(["chattr", "+i", file]).exited).toBe(0);
    return new Immovable(file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Bun.spawn(["chattr", "-i", this.#file], { stdio: ["ignore", "ignore", "ignore"] }).exited;
  }
}

/** Of the process that stands between the engine and the container. */
function shimOf(containerId: string): number {
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const argv = readFileSync(`/proc/${entry}/cmdline`, "latin1").split("\0");
      if (argv[0]?.includes("containerd-shim") && argv.includes(containerId)) return Number(entry);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`There is no shim of ${containerId}`);
}

const volumesOf = async (site: DockerSite) =>
  (await site.api.volumes()).filter(({ Labels }) => Labels?.["oz-worker-id"] === site.workerId);
const endedMarks = async (site: DockerSite) =>
  (await volumesOf(site)).filter(({ Labels }) => Labels?.["oz-role"] === "ended");

onEachEngine("what an engine does not let go of", ({ flavour, socket, registry }) => {
  test("a container that cannot be removed is reported once, whoever comes later, and goes when it can", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start();
    // Without an id of its execution no journal can tell it from another run of the task.
    const [taskId = ""] = await site.hold(1, "exit 5", { more: { execution_id: "" } });
    const { Id } = await site.containerOf(taskId);
    await using immovable = await Immovable.make(site, Id);
    await site.release(taskId);
    expect((await site.plane.waitForTask(taskId)).exitCode).toBe(5);
    await first.waitForLog(/cannot remove the container/);
    expect(await endedMarks(site)).toHaveLength(1);
    // So that its report is known to be read: one that is killed before that says it again.
    expect(await first.stop()).toBe(0);
    // One that has its journal, and one that has nothing but the engine to go by.
    for (const stateDir of [site.stateDir, site.dir.join("other-state")]) {
      await using next = await site.start({ stateDir, ...OFTEN });
      await next.waitForLog(/cannot take care of what a dead worker left/);
      expect(next.stderr).not.toContain("task taken over");
      expect(await next.stop()).toBe(0);
    }
    await immovable[Symbol.asyncDispose]();
    await using _last = await site.start(OFTEN);
    await site.cleared();
    await eventually(async () => (await endedMarks(site)).length === 0, "the mark to go");
    expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
  });

  test("a container that cannot be removed goes later while its worker lives", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start(OFTEN);
    const [taskId = ""] = await site.hold(1, "exit 0");
    await using immovable = await Immovable.make(site, (await site.containerOf(taskId)).Id);
    await site.release(taskId);
    expect((await site.plane.waitForTask(taskId)).state).toBe("completed");
    await worker.waitForLog(/cannot remove the container/);
    await immovable[Symbol.asyncDispose]();
    await worker.waitForLog(/is cleared away/);
    await site.cleared();
    await eventually(async () => (await endedMarks(site)).length === 0, "the mark to go");
  });

  // A quarter of a minute, in which the version of the engine makes no difference.
  if (flavour === "debian")
    test("a stop that hangs in the engine is told of, and the task ends when it comes through", async () => {
      await using site = await DockerSite.create({ socket, registry });
      await using worker = await site.start({ top: { cancel_grace_period: "1s" } });
      const [taskId = ""] = await site.hold(1);
      const shim = shimOf((await site.containerOf(taskId)).Id);
      process.kill(shim, "SIGSTOP");
      try {
        site.plane.cancel(taskId);
        await worker.waitForLog(/engine has not stopped the container .*hint=/, 40_000);
        expect(site.plane.terminalsOf(taskId)).toEqual([]);
      } finally {
        process.kill(shim, "SIGCONT");
      }
      expect((await site.plane.waitForTask(taskId)).state).toBe("cancelled");
      await site.cleared();
    });

  test("what somebody runs of a task's container, committed, is left alone when its worker is gone", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start();
    const [taskId = ""] = await site.hold(1, "exit 3");
    const { Id } = await site.containerOf(taskId);
    const image = `committed-${site.workerId}:1`;
    await site.api.ask("POST", `/commit?container=${Id}&repo=${image.replace(":", "&tag=")}&pause=0`);
    const copy = await site.api.start({
      Image: image,
      Cmd: ["/bin/sh", "-c", "sleep 600"],
      Entrypoint: [],
      HostConfig: { NetworkMode: "none" },
    });
    try {
      expect((await site.api.inspect(copy)).Config.Labels).toMatchObject({ "oz-task-id": taskId });
      await killHard(first);
      await site.release(taskId);
      await using second = await site.start(OFTEN);
      expect((await site.plane.waitForTask(taskId)).exitCode).toBe(3);
      expect(await second.stop()).toBe(0);
      // One that has nothing but the engine to go by, and finds it when the task's own is gone.
      await using third = await site.start({ stateDir: site.dir.join("other-state"), ...OFTEN });
      await third.waitForLog(/was not made by one: leaving it alone/);
      expect(third.stderr).not.toContain("task taken over");
      expect((await site.containers()).map(({ Id }) => Id)).toEqual([copy]);
      expect((await site.api.inspect(copy)).State.Running).toBe(true);
      expect(await third.stop()).toBe(0);
    } finally {
      await site.api.remove(copy);
      await site.api.ask("DELETE", `/images/${image}?force=1`);
    }
    expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
  });

  // It looks for a network when a running container is renamed, and has none here.
  if (flavour === "modern") return;

  test("a container that was renamed is known to a killed worker's successor all the same", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using first = await site.start();
    const [taskId = ""] = await site.hold(1, "exit 3");
    const { Id } = await site.containerOf(taskId);
    await site.api.ask("POST", `/containers/${Id}/rename?name=${site.workerId}-renamed`);
    await killHard(first);
    await using second = await site.start();
    await second.waitForLog(new RegExp(`task taken over .*${taskId}`));
    await site.release(taskId);
    const { failureReason, exitCode } = await site.plane.waitForTask(taskId);
    expect([failureReason, exitCode]).toEqual(["container_exit", 3]);
    await site.cleared();
    expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
  });
});
