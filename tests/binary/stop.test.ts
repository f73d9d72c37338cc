/** SIGTERM and SIGINT: every task is stopped with its grace and reported, nothing of it is left, nothing else is touched. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { shimsOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";

const SHUTDOWN = {
  message: expect.stringMatching(/shutting down.*safe to retry/),
  failure_reason: "graceful_shutdown",
};

describe("a worker that is asked to stop", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "by %s with 10 running tasks reports 10 of 10 and exits with 0",
    async (signal) => {
      await using site = await DirectSite.create();
      await using worker = await site.start();
      const runs = await site.hold(10);
      expect(await worker.stop(signal)).toBe(0);
      for (const run of runs) {
        const terminals: object[] = site
          .terminals(taskIdOf(run))
          .map(({ type, data }) => ({ type, ...data }));
        expect(terminals).toEqual([{ type: "task_failed", task_id: taskIdOf(run), ...SHUTDOWN }]);
        expect(run.alive).toEqual([]);
      }
      expect(readdirSync(site.workspaceRoot)).toEqual([]);
      // That is what drain_timeout is for, which has to be set.
      expect(worker.stderr).not.toMatch(/waiting for those that run/);
    },
  );

  test("with nothing to do exits with 0 at once", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const askedAt = performance.now();
    expect(await worker.stop()).toBe(0);
    expect(performance.now() - askedAt).toBeLessThan(1_500);
    expect(worker.stderr).toMatch(/ INFO +stopped$/m);
  });

  test("before it was ever connected exits with 0", async () => {
    await using site = await DirectSite.create();
    await site.plane.goDown();
    await using worker = await site.start({ connected: false });
    await worker.waitForLog(/cannot connect to the control plane/);
    expect(await worker.stop()).toBe(0);
  });

  test("while its handshake is not answered exits with 0", async () => {
    await using site = await DirectSite.create();
    site.plane.faults.hang();
    await using worker = await site.start({ connected: false });
    await site.plane.waitForHandshake(1);
    expect(await worker.stop()).toBe(0);
  });

  test("gives an agent that traps the signal its grace, and kills one that ignores it when that is over", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ top: { cancel_grace_period: "1500ms" } });
    const [trapping] = await site.hold(1, { AGENT_TRAP: "0.5" });
    const [ignoring] = await site.hold(1, { AGENT_IGNORE_TERM: "1" });
    const askedAt = performance.now();
    expect(await worker.stop()).toBe(0);
    const tookMs = performance.now() - askedAt;
    expect(trapping?.trapped).toBe(true);
    expect(tookMs).toBeGreaterThan(1_400);
    expect(tookMs).toBeLessThan(5_000);
    expect(site.plane.tasks().map(({ failureReason }) => failureReason)).toEqual([
      "graceful_shutdown",
      "graceful_shutdown",
    ]);
    expect(ignoring?.alive).toEqual([]);
  });

  test("leaves no grandchild, not even one in a session of its own", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = await site.hold(3, { AGENT_GRANDCHILD: "1" });
    for (const run of runs)
      expect(run.alive.map(({ label }) => label).sort()).toEqual(["child", "self", "setsid"]);
    expect(await worker.stop()).toBe(0);
    for (const run of runs) expect(run.alive).toEqual([]);
  });

  test("ends within shutdown_timeout although every agent ignores the signal", async () => {
    await using site = await DirectSite.create();
    const top = { cancel_grace_period: "2s", shutdown_timeout: "2s" };
    await using worker = await site.start({ top });
    const runs = await site.hold(5, { AGENT_IGNORE_TERM: "1", AGENT_GRANDCHILD: "1" });
    const askedAt = performance.now();
    expect(await worker.stop()).toBe(0);
    expect(performance.now() - askedAt).toBeLessThan(3_500);
    for (const run of runs) {
      expect(site.plane.task(taskIdOf(run))?.failureReason).toBe("graceful_shutdown");
      expect(run.alive).toEqual([]);
    }
  });

  test("takes nothing on any more, and says so", async () => {
    await using site = await DirectSite.create({ reofferDelayMs: 60_000 });
    await using worker = await site.start({ top: { cancel_grace_period: "5s" } });
    const [run] = await site.hold(1, { AGENT_TRAP: "0.5" });
    worker.kill("SIGTERM");
    await worker.waitForLog(/stopping/);
    const late = site.plane.submit({ task_id: "late", execution_id: "e", task: { id: "late" } });
    await site.plane.waitForTask(late.taskId, ["rejected"]);
    expect(await worker.finished()).toBe(0);
    expect(run?.trapped).toBe(true);
    expect(site.messages("late").map(({ type }) => type)).toEqual(["task_rejected"]);
    expect(site.agent.runs("late")).toEqual([]);
  });
});

/** The worker is at work already: what it has ended is not there any more. */
function signalIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

describe("a service manager that signals every process of the service", () => {
  test("finds all tasks reported as stopped by the shutdown all the same", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = await site.hold(5, { AGENT_GRANDCHILD: "1" });
    const all = [
      worker.pid,
      ...shimsOf(worker.pid),
      ...runs.flatMap((run) => run.alive.map(({ pid }) => pid)),
    ];
    for (const pid of all) signalIfThere(pid);
    expect(await worker.finished()).toBe(0);
    // Once the agents' ends were seen before the worker's own signal, and reported as their failures.
    expect(site.plane.tasks().map(({ failureReason }) => failureReason)).toEqual(
      runs.map(() => "graceful_shutdown"),
    );
    for (const run of runs) expect(run.alive).toEqual([]);
  });
});

test("a stop while setup_command runs ends it and reports the task, and no agent starts", async () => {
  await using site = await DirectSite.create();
  const note = site.dir.join("setup");
  const setup_command = `echo started >'${note}'; sleep 300; echo done >>'${note}'`;
  await using worker = await site.start({ direct: { setup_command } });
  const { taskId } = site.plane.submit(assignment());
  await eventually(() => existsSync(note), "the setup to run");
  expect(await worker.stop()).toBe(0);
  expect(site.plane.task(taskId)?.failureReason).toBe("graceful_shutdown");
  expect(site.agent.runs(taskId)).toEqual([]);
  expect(readFileSync(note, "utf8")).toBe("started\n");
});

describe("a second signal", () => {
  test("ends the worker at once, and the next start stops where it left", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const [run] = await site.hold(1, { AGENT_IGNORE_TERM: "1", AGENT_EXIT: "8" });
    worker.kill("SIGTERM");
    await worker.waitForLog(/another signal ends the worker at once/);
    const askedAt = performance.now();
    worker.kill("SIGTERM");
    await worker.exited;
    // Its agent would have had ten seconds.
    expect(performance.now() - askedAt).toBeLessThan(1_000);
    expect(site.terminals(run ? taskIdOf(run) : "")).toEqual([]);
    await using _next = await site.start();
    run?.release();
    const [task] = await site.plane.waitForAllTasks();
    expect(task?.exitCode).toBe(8);
    expect(task?.terminals).toBe(1);
  });
});

// timeout(1) signals what it started, and then its group: one of ten workers below it heard two, and stopped nothing.
test("signals of one moment ask once", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  const [run] = await site.hold(1);
  worker.kill("SIGTERM");
  // Another one, for the system makes one of two that are alike.
  worker.kill("SIGINT");
  expect(await worker.finished()).toBe(0);
  expect(site.terminals(run ? taskIdOf(run) : "")).toMatchObject([
    { data: { failure_reason: "graceful_shutdown" } },
  ]);
});

// Once: the next worker called what the first one's stop had done the agent's own failure.
test("a stop that a second signal cuts short is told as that by the next worker", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  const [run] = await site.hold(1, { AGENT_TRAP: "0.5" });
  if (run === undefined) throw new Error("one task was asked for");
  worker.kill("SIGTERM");
  await worker.waitForLog(/another signal ends the worker at once/);
  worker.kill("SIGTERM");
  await worker.exited;
  await site.gone(run);
  expect(run.trapped).toBe(true);
  await using _next = await site.start();
  expect(await site.plane.waitForTask(taskIdOf(run))).toMatchObject({
    failureReason: "graceful_shutdown",
    terminals: 1,
  });
});

// Once: the next worker called work that was cut off completed, because the agent had ended well when it was told to.
test("an agent that a cut-short stop ended with status 0 has not completed its task", async () => {
  await using site = await DirectSite.create();
  const agent = await site.dir.write(
    "polite",
    "#!/bin/sh\ntrap 'echo >told; sleep 0.5; exit 0' TERM\necho >started\nwhile :; do sleep 0.05; done\n",
    0o755,
  );
  await using worker = await site.start({ direct: { oz_path: agent } });
  const { taskId } = site.plane.submit(assignment());
  const inWorkspace = (name: string) => existsSync(`${site.workspaceRoot}/${taskId}/${name}`);
  await eventually(() => inWorkspace("started"), "the agent to run");
  worker.kill("SIGTERM");
  await eventually(() => inWorkspace("told"), "the agent to hear of it");
  worker.kill("SIGKILL");
  await worker.exited;
  await using _next = await site.start({ direct: { oz_path: agent } });
  expect(await site.plane.waitForTask(taskId)).toMatchObject({
    failureReason: "graceful_shutdown",
    terminals: 1,
  });
});

describe("the workspace root after a stop", () => {
  test("still has what strangers put there, folders named like a task's included", async () => {
    await using site = await DirectSite.create();
    const files = [
      await site.dir.write("ws/notes.txt", "mine"),
      await site.dir.write("ws/project/a", "mine"),
    ];
    const taken = await site.dir.write("ws/taken/precious", "mine");
    await using worker = await site.start();
    const ended = await site.run({ task_id: "taken", execution_id: "e", task: { id: "taken" } });
    expect(ended.state).toBe("completed");
    expect(site.agent.runs("taken")[0]?.cwd).toBe(site.dir.join("ws/taken"));
    await site.hold(1);
    expect(await worker.stop()).toBe(0);
    for (const file of [...files, taken]) expect(await Bun.file(file).text()).toBe("mine");
    expect(readdirSync(site.workspaceRoot).sort()).toEqual(["notes.txt", "project", "taken"]);
  });

  test("keeps the workspaces under --no-cleanup, of ended and of stopped tasks", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: ["--no-cleanup"] });
    const runs = await site.hold(2);
    runs[0]?.release();
    await site.plane.waitForTask(runs[0] ? taskIdOf(runs[0]) : "");
    expect(await worker.stop()).toBe(0);
    for (const run of runs) expect(existsSync(run.cwd)).toBe(true);
  });
});
