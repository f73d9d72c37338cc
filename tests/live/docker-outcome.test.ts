/** How tasks end, what is said of it, and what is left in the engine. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngine, onEachEngineAndPodman } from "../support/live-services.ts";
import { eventually } from "../support/wait.ts";

const MIB = 1024 * 1024;

/** Of a running process; resident memory moves with the page cache, but is what an operator sees. */
function residentBytes(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
}

onEachEngineAndPodman("the end of a task", ({ socket, registry, flavour }) => {
  test("an agent that needs more memory than its shape has is container_oom", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    // A shell variable that doubles until the kernel ends it.
    const sh = "x=0123456789abcdef; while :; do x=$x$x; done";
    const task = await site.run({ sh, more: { instance_shape: { memory_gb: 0.02 } } });
    expect([task.state, task.exitCode]).toEqual(["failed", 137]);
    // Podman 4.3 does not say that it was memory.
    const reasons = flavour === "podman" ? ["container_exit", "container_oom"] : ["container_oom"];
    expect(reasons).toContain(task.failureReason ?? "");
    await site.cleared();
  });

  test("a container that cannot start is removed, and the reason has the engine's words", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    // No agent at /agent.
    const task = await site.run({ more: { sidecar_image: site.image("test/scratch:1") } });
    expect([task.state, task.failureReason]).toEqual(["failed", "container_start"]);
    expect(task.message).toContain("/agent/entrypoint.sh");
    await site.cleared();
  });

  // Podman runs it in another, without a word.
  test("is none in a runtime that the engine does not have: its worker does not start", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const docker = { security: { runtime: "no-such-runtime" } };
    await using worker = await site.start({ docker, connected: false });
    expect(await worker.exited).toBe(1);
    const words = flavour === "podman" ? "is Podman, which runs every container" : "has no runtime";
    expect(worker.stderr).toMatch(new RegExp(`${words}.* "no-such-runtime"`));
  });

  test("the image's own volumes go with the container", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const [taskId = ""] = await site.hold(1, "", { image: "test/with-volume:1" });
    const { Mounts } = await site.containerOf(taskId);
    const anonymous = Mounts.find(({ Destination }) => Destination === "/data")?.Name ?? "none";
    expect((await site.api.volumes()).map(({ Name }) => Name)).toContain(anonymous);
    await site.release(taskId);
    await site.plane.waitForTask(taskId);
    await site.cleared();
    expect((await site.api.volumes()).map(({ Name }) => Name)).not.toContain(anonymous);
  });

  test("what a failed agent said last is in the log, both streams, and no value of its environment in a message", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start();
    const sh = "echo to-stdout; echo to-stderr >&2; echo $TOKEN; exit 4";
    const { message } = await site.run({ sh, env: { TOKEN: "s3cr3t-of-the-task" } });
    await worker.waitForLog(/to-stdout/);
    await worker.waitForLog(/to-stderr/);
    expect(message).not.toContain("s3cr3t-of-the-task");
    expect(worker.stderr).not.toContain("s3cr3t-of-the-task");
  });

  test("a container that somebody else removes fails, saying so", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const [taskId = ""] = await site.hold(1);
    await site.api.remove((await site.containerOf(taskId)).Id);
    const task = await site.plane.waitForTask(taskId);
    expect(task.state).toBe("failed");
    expect(task.message).toMatch(/removed|no longer|gone/i);
    expect((await site.run({})).state).toBe("completed");
  });

  test("with --no-cleanup an ended container stays, stopped", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start({ flags: ["--no-cleanup"] });
    const { taskId } = await site.run({ sh: "exit 6" });
    const { State } = await site.containerOf(taskId);
    expect([State.Running, State.ExitCode]).toEqual([false, 6]);
  });

  // Twice would be no more proof, and takes long.
  if (flavour !== "debian") return;

  test.each([
    ["with 3", "exit 3", "container_exit", 3],
    ["with 255", "exit 255", "container_exit", 255],
    ["by a signal", "sh -c 'kill -9 $$'", "container_exit", 137],
    ["by 143 of its own", "exit 143", "container_exit", 143],
  ])(
    "an agent that exits %s is reported with its status, and leaves no container",
    async (_how, sh, reason, code) => {
      await using site = await DockerSite.create({ socket, registry });
      await using _worker = await site.start();
      const { taskId, state, failureReason, exitCode, message } = await site.run({ sh });
      expect([state, failureReason, exitCode]).toEqual(["failed", reason, code]);
      expect(message).toMatch(/^Failed to execute task: .+/);
      expect(site.plane.terminalsOf(taskId)).toHaveLength(1);
      await site.cleared();
    },
  );

  test("twenty tasks at once all end well and leave nothing", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start();
    const tasks = Array.from({ length: 20 }, () => site.plane.submit(site.task()));
    for (const { taskId } of tasks) {
      expect((await site.plane.waitForTask(taskId, [], { timeoutMs: 40_000 })).state).toBe("completed");
    }
    await eventually(async () => (await site.containers()).length === 0, "all containers to go");
  });
});

/** The engine's own log takes most of the time, and that of one engine is enough. */
onEachEngine(
  "the output of a task",
  ({ socket, registry }) => {
    test("200 MB of output cost no more than 100 MB over idle", async () => {
      await using site = await DockerSite.create({ socket, registry });
      await using worker = await site.start();
      expect((await site.run({ sh: "exit 0" })).state).toBe("completed");
      const idle = residentBytes(worker.pid, "VmRSS");
      // Lines of 1 kB: with shorter ones the test would wait for the engine's log twice as long.
      const line = "$(head -c 999 /dev/zero | tr '\\000' x)";
      const sh = `yes ${line} | head -c 200000000; exit 5`;
      const task = await site.run({ sh });
      expect(task.exitCode).toBe(5);
      expect(residentBytes(worker.pid, "VmHWM") - idle).toBeLessThan(100 * MIB);
      await site.cleared();
    });
  },
  ["debian"],
);
