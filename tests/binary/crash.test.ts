/** SIGKILL at any point leaves enough for the next daemon to end every claimed task in one true message. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf, WORKER_ID } from "../support/direct-site.ts";
import { isAlive } from "../support/fake-agent.ts";
import { shimOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";
import { WorkerProcess, workerCommand } from "../support/worker-process.ts";

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  expect(await worker.exited).toBe(137);
}

/** How each of ten tasks ends, and what has to be said of it. */
const ENDS = [
  { env: {}, says: ["completed", null, null] },
  { env: { AGENT_EXIT: "3" }, says: ["failed", "agent_invocation", 3] },
  { env: { AGENT_EXIT: "143" }, says: ["failed", "agent_invocation", 143] },
  { env: { AGENT_SIGNAL: "KILL" }, says: ["failed", "agent_invocation", 137] },
  { env: { AGENT_EXIT: "255" }, says: ["failed", "agent_invocation", 255] },
] as const;

describe("a daemon killed in the middle of its tasks", () => {
  test("is followed by one that reports 10 true results, of those that ended meanwhile and after", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const ends = [...ENDS, ...ENDS];
    const runs = await site.holdAll(ends.map(({ env }) => assignment({ env: { AGENT_HOLD: "1", ...env } })));
    const [meanwhile, after] = [runs.slice(0, 5), runs.slice(5)];
    await killHard(first);
    for (const run of meanwhile) run.release();
    await site.gone(...meanwhile);
    expect(after.every((run) => run.alive.length > 0)).toBe(true);
    await using _second = await site.start();
    await Promise.all(meanwhile.map((run) => site.plane.waitForTask(taskIdOf(run))));
    for (const run of after) run.release();
    await site.plane.waitForAllTasks();
    const said = runs.map((run) => {
      const task = site.plane.task(taskIdOf(run));
      return [task?.state, task?.failureReason, task?.exitCode];
    });
    expect(said).toEqual(ends.map(({ says }) => [...says]));
    for (const run of runs) {
      expect(site.terminals(taskIdOf(run))).toHaveLength(1);
      expect(site.agent.runs(taskIdOf(run))).toHaveLength(1);
    }
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
    await eventually(
      () => readdirSync(site.dir.join("state/bar/exits")).length === 0,
      "the exit files to go",
    );
  });

  test("again and again still costs no result", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const runs = await site.hold(4, { AGENT_EXIT: "9" });
    await killHard(first);
    for (const run of runs) {
      await using next = await site.start();
      run.release();
      // Killed at an arbitrary moment of the report: perhaps before it is noted, sent or proven.
      await site.gone(run);
      await killHard(next);
    }
    await using _last = await site.start();
    await site.plane.waitForAllTasks();
    for (const run of runs) expect(site.plane.task(taskIdOf(run))?.exitCode).toBe(9);
  });

  test("and with results that nobody has read yet is followed by one that delivers each once", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const runs = await site.hold(5, { AGENT_EXIT: "2" });
    // What was never claimed, as far as the plane knows, it would send again, and get its end once more.
    for (const run of runs) await site.plane.waitForTask(taskIdOf(run), ["claimed"]);
    await site.plane.goDown();
    for (const run of runs) {
      run.release();
      await first.waitForLog(new RegExp(`task failed .*${taskIdOf(run)}`));
    }
    await killHard(first);
    await site.plane.comeUp();
    await using _second = await site.start();
    await site.plane.waitForAllTasks();
    expect(runs.map((run) => site.terminals(taskIdOf(run)).length)).toEqual([1, 1, 1, 1, 1]);
    expect(runs.map((run) => site.plane.task(taskIdOf(run))?.exitCode)).toEqual([2, 2, 2, 2, 2]);
  });

  test("right after a claim is followed by one true result, and by no second run", async () => {
    await using site = await DirectSite.create();
    for (let round = 0; round < 6; round++) {
      await using first = await site.start();
      const task = assignment({ env: { AGENT_EXIT: "5", AGENT_SLEEP: "0.05" } });
      site.plane.submit(task);
      await site.plane.waitForTask(task.task_id, ["claimed"]);
      await killHard(first);
      await using _second = await site.start();
      const { state, exitCode, failureReason, message } = await site.plane.waitForTask(task.task_id);
      const runs = site.agent.runs(task.task_id);
      expect(state).toBe("failed");
      if (exitCode === null) {
        expect([failureReason, message]).toEqual(["unknown", expect.stringContaining("safe to retry")]);
      } else expect([exitCode, failureReason, runs.length]).toEqual([5, "agent_invocation", 1]);
      expect(runs.flatMap((run) => run.alive)).toEqual([]);
      expect(site.terminals(task.task_id)).toHaveLength(1);
    }
    // A round in which the agent had not begun waits 2 s for a status that might still come.
  }, 30_000);

  test("can cancel and stop what the dead one started, to the last grandchild", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const [cancelled, stopped] = await site.hold(2, { AGENT_GRANDCHILD: "1" });
    if (!cancelled || !stopped) throw new Error("two tasks were asked for");
    await killHard(first);
    await using second = await site.start();
    await second.waitForLog(new RegExp(`task taken over .*${taskIdOf(cancelled)}`));
    site.plane.cancel(taskIdOf(cancelled));
    expect((await site.plane.waitForTask(taskIdOf(cancelled))).state).toBe("cancelled");
    expect(cancelled.alive).toEqual([]);
    expect(stopped.alive.length).toBe(3);
    expect(await second.stop()).toBe(0);
    expect(site.plane.task(taskIdOf(stopped))?.failureReason).toBe("graceful_shutdown");
    expect(stopped.alive).toEqual([]);
  });
});

describe("a daemon killed while a task is being cancelled", () => {
  // Once: the next daemon knew nothing of the cancellation, and an agent that was slow to end went on for
  // hours with work that its user had cancelled.
  test("is followed by one that goes on with that", async () => {
    await using site = await DirectSite.create();
    const grace = (cancel_grace_period: string) => ({
      top: { cancel_grace_period, shutdown_timeout: "60s" },
    });
    await using first = await site.start(grace("60s"));
    const [run] = await site.hold(1, { AGENT_IGNORE_TERM: "1", AGENT_GRANDCHILD: "1" });
    if (run === undefined) throw new Error("one task was asked for");
    site.plane.cancel(taskIdOf(run));
    await first.waitForLog(/task cancellation requested/);
    await killHard(first);
    expect(run.alive.map(({ label }) => label)).toContain("self");
    await using _second = await site.start(grace("1s"));
    expect((await site.plane.waitForTask(taskIdOf(run))).state).toBe("cancelled");
    expect(run.alive).toEqual([]);
    expect(site.terminals(taskIdOf(run))).toHaveLength(1);
  });
});

// Once the next worker said that the task was safe to retry, while its agent went on.
test("a worker with another backend says of a task taken over that it may still run", async () => {
  await using site = await DirectSite.create();
  await using first = await site.start();
  const [run] = await site.hold(1);
  if (run === undefined) throw new Error("one task was asked for");
  await killHard(first);
  const config = JSON.stringify({
    worker_id: WORKER_ID,
    backend: { command: { dispatch_command: "exit 0" } },
  });
  await using _next = await WorkerProcess.start({ stateDir: site.stateDir, plane: site.plane, config });
  expect(await site.plane.waitForTask(taskIdOf(run))).toMatchObject({
    failureReason: "unknown",
    message: expect.stringMatching(/another backend.*may still run/),
  });
  expect(site.terminals(taskIdOf(run))).toHaveLength(1);
  expect(run.alive.length).toBeGreaterThan(0);
});

// Once the next worker said that such a task had failed, removed its workspace and left its agent to itself.
test("a worker whose user has no way left to watch a folder waits for a task taken over all the same", async () => {
  await using site = await DirectSite.create();
  await using first = await site.start();
  const [run] = await site.hold(1, { AGENT_EXIT: "3" });
  if (run === undefined) throw new Error("one task was asked for");
  await killHard(first);
  const poor = 'echo 0 >/proc/sys/user/max_inotify_instances; exec "$@"';
  await using _next = await site.start({
    command: ["unshare", "--user", "--map-root-user", "sh", "-c", poor, "sh", ...workerCommand()],
  });
  expect(run.alive.length).toBeGreaterThan(0);
  run.release();
  expect(await site.plane.waitForTask(taskIdOf(run))).toMatchObject({ state: "failed", exitCode: 3 });
});

// Once: the agent's status won over the user's word, and a cancelled task was called completed.
test.each(["0", "1"])(
  "a task cancelled before a kill is cancelled although its agent ended meanwhile, with %s",
  async (status) => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const [run] = await site.hold(1, { AGENT_IGNORE_TERM: "1", AGENT_EXIT: status });
    if (run === undefined) throw new Error("one task was asked for");
    site.plane.cancel(taskIdOf(run));
    await first.waitForLog(/task cancellation requested/);
    await killHard(first);
    run.release();
    await site.gone(run);
    await using _next = await site.start();
    await site.plane.waitForTask(taskIdOf(run));
    expect(site.terminals(taskIdOf(run))).toEqual([
      {
        type: "task_completed",
        data: {
          task_id: taskIdOf(run),
          message: "Task cancelled by user request.",
          task_state: "CANCELLED",
        },
      },
    ]);
  },
);

describe("a daemon killed while setup_command runs", () => {
  test("takes the setup with it, and the task is reported failed and safe to retry", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("setup.pid");
    const direct = {
      setup_command: `read -r stat </proc/$$/stat; echo "$stat" >'${note}'; sleep 300; touch '${note}.done'`,
      teardown_command: `echo ran >>'${note}.teardown'`,
    };
    await using first = await site.start({ direct });
    const { taskId } = site.plane.submit(assignment());
    await eventually(() => existsSync(note) && readFileSync(note, "utf8").endsWith("\n"), "setup to run");
    const stat = readFileSync(note, "utf8").trim();
    const startedAt = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    await killHard(first);
    const setup = { label: "setup", pid: Number.parseInt(stat, 10), startedAt };
    await eventually(() => !isAlive(setup), "the setup to end");
    await using _second = await site.start({ direct });
    const { failureReason, message } = await site.plane.waitForTask(taskId);
    expect(failureReason).toBe("unknown");
    expect(message).toMatch(/^Failed to execute task: .*safe to retry/);
    expect(site.terminals(taskId)).toHaveLength(1);
    expect(site.agent.runs(taskId)).toEqual([]);
    expect(existsSync(`${note}.done`)).toBe(false);
    expect(readFileSync(`${note}.teardown`, "utf8")).toBe("ran\n");
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });
});

describe("a daemon killed while teardown_command runs", () => {
  test("is followed by one that runs it again and reports the agent's true result", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("teardowns");
    const gate = site.dir.join("go-on");
    const direct = {
      teardown_command: `echo begun >>'${note}'; [ -e '${gate}' ] || sleep 300; echo done >>'${note}'`,
    };
    await using first = await site.start({ direct });
    const { taskId } = site.plane.submit(assignment({ env: { AGENT_EXIT: "6" } }));
    await eventually(() => existsSync(note), "the teardown to run");
    expect(site.terminals(taskId)).toEqual([]);
    await killHard(first);
    await Bun.write(gate, "");
    await using _second = await site.start({ direct });
    const { exitCode, terminals } = await site.plane.waitForTask(taskId);
    expect([exitCode, terminals]).toEqual([6, 1]);
    expect(readFileSync(note, "utf8")).toBe("begun\nbegun\ndone\n");
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });
});

test("a daemon killed while it removes what a task left is followed by one that removes the rest", async () => {
  await using site = await DirectSite.create();
  const agent = await site.dir.write("untidy", "#!/bin/sh\nseq 20000 | xargs touch\n", 0o755);
  await using first = await site.start({ direct: { oz_path: agent } });
  expect((await site.run(assignment())).state).toBe("completed");
  await killHard(first);
  expect(readdirSync(site.workspaceRoot)).toEqual([]);
  const discards = site.dir.join("state/bar/discards");
  expect(readdirSync(discards)).toHaveLength(1);
  await using second = await site.start({ direct: { oz_path: agent } });
  await eventually(() => readdirSync(discards).length === 0, "the rest to be removed");
  expect(await second.stop()).toBe(0);
});

describe("when the shim is killed", () => {
  test("the daemon stays, its tasks run on and are reported failed when they end, and new ones run", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = await site.hold(3);
    process.kill(shimOf(worker.pid), "SIGKILL");
    for (const run of runs) await worker.waitForLog(new RegExp(`agent runs on.*${taskIdOf(run)}`));
    expect(runs.every((run) => run.alive.length > 0)).toBe(true);
    expect(site.plane.tasks().every(({ state }) => state === "claimed")).toBe(true);
    const { state } = await site.run(assignment());
    expect(state).toBe("completed");
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    for (const run of runs) {
      expect(run.ended).toBe(true);
      const { state, failureReason, exitCode, message } = site.plane.task(taskIdOf(run)) ?? {};
      expect([state, failureReason, exitCode]).toEqual(["failed", "agent_invocation", null]);
      expect(message).toContain("exit status is not known");
    }
    expect(worker.running).toBe(true);
  });

  // Stopped by an agent, or held up by a slow disk: it was not waited for, and what had ended well was told of as failed.
  test("together with the daemon it was only stopped, the next daemon wakes it, and tells how its tasks ended", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const runs = await site.hold(2);
    process.kill(shimOf(first.pid), "SIGSTOP");
    await killHard(first);
    for (const run of runs) run.release();
    await using _second = await site.start();
    const tasks = await site.plane.waitForAllTasks();
    expect(tasks.map(({ state }) => state)).toEqual(["completed", "completed"]);
  });

  test("together with the daemon, the next daemon reports its tasks when they end", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const runs = await site.hold(2);
    const shim = shimOf(first.pid);
    await killHard(first);
    process.kill(shim, "SIGKILL");
    await using _second = await site.start();
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    for (const run of runs) {
      expect(site.plane.task(taskIdOf(run))?.failureReason).toBe("agent_invocation");
      expect(site.terminals(taskIdOf(run))).toHaveLength(1);
      expect(site.agent.runs(taskIdOf(run))).toHaveLength(1);
    }
  });
});
