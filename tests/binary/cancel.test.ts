/** One task stopped while the worker goes on: on the user's word, or because it took too long. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { eventually } from "../support/wait.ts";

const cancelledMessage = (taskId: string) => ({
  type: "task_completed",
  data: { task_id: taskId, message: "Task cancelled by user request.", task_state: "CANCELLED" },
});

describe("a cancellation", () => {
  test("ends the agent and all that it started, is reported to the letter, and touches no other task", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const [run, other] = await site.hold(2, { AGENT_GRANDCHILD: "1" });
    if (!run || !other) throw new Error("two tasks were asked for");
    const taskId = taskIdOf(run);
    site.plane.cancel(taskId);
    await site.plane.waitForTask(taskId);
    // Reported when all of it is gone, not before.
    expect(run.alive).toEqual([]);
    expect(site.terminals(taskId)).toEqual([cancelledMessage(taskId)]);
    expect(existsSync(run.cwd)).toBe(false);
    expect(other.alive.length).toBe(3);
    other.release();
    expect((await site.plane.waitForTask(taskIdOf(other))).state).toBe("completed");
  });

  test("leaves the agent its grace period for its last work", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const [run] = await site.hold(1, { AGENT_TRAP: "0.7" });
    const taskId = run ? taskIdOf(run) : "";
    site.plane.cancel(taskId);
    await site.plane.waitForTask(taskId);
    expect(run?.trapped).toBe(true);
    expect(site.terminals(taskId)).toEqual([cancelledMessage(taskId)]);
  });

  test("kills an agent that ignores it once the grace period is over, and not before", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ top: { cancel_grace_period: "800ms" } });
    const [run] = await site.hold(1, { AGENT_IGNORE_TERM: "1", AGENT_GRANDCHILD: "1" });
    const taskId = run ? taskIdOf(run) : "";
    const askedAt = performance.now();
    site.plane.cancel(taskId);
    await site.plane.waitForTask(taskId);
    expect(performance.now() - askedAt).toBeGreaterThan(780);
    expect(run?.alive).toEqual([]);
    expect(site.terminals(taskId)).toEqual([cancelledMessage(taskId)]);
  });

  test("ends a running setup_command and starts no agent", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("setup");
    const direct = {
      setup_command: `echo started >'${note}'; sleep 300; echo done >>'${note}'`,
      teardown_command: `echo teardown >>'${note}'`,
    };
    await using _worker = await site.start({ direct });
    const { taskId } = site.plane.submit(assignment());
    await site.plane.waitForTask(taskId, ["claimed"]);
    await eventually(() => existsSync(note), "the setup to run");
    site.plane.cancel(taskId);
    await site.plane.waitForTask(taskId);
    expect(site.terminals(taskId)).toEqual([cancelledMessage(taskId)]);
    expect(site.agent.runs(taskId)).toEqual([]);
    expect(readFileSync(note, "utf8")).toBe("started\nteardown\n");
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });

  test("that comes twice, after the end, or for a task nobody knows does no harm", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const [run] = await site.hold(1, { AGENT_TRAP: "0.2" });
    const taskId = run ? taskIdOf(run) : "";
    site.plane.faults.send("task_cancellation", { task_id: taskId }, 3);
    await site.plane.waitForTask(taskId);
    site.plane.faults.send("task_cancellation", { task_id: taskId });
    site.plane.faults.send("task_cancellation", { task_id: "unknown" });
    await worker.waitForLog(/cancellation for a task that does not run here.*taskId=unknown/);
    expect((await site.run(assignment())).state).toBe("completed");
    expect(site.terminals(taskId)).toEqual([cancelledMessage(taskId)]);
    expect(site.messages("unknown")).toEqual([]);
  });

  test("that comes with the assignment, in one breath, still ends in one message and no process", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const tasks = Array.from({ length: 20 }, () => assignment({ env: { AGENT_HOLD: "1" } }));
    for (const task of tasks) {
      site.plane.submit(task);
      site.plane.cancel(task.task_id);
    }
    await site.plane.waitForAllTasks();
    for (const { task_id } of tasks) {
      expect(site.terminals(task_id)).toEqual([cancelledMessage(task_id)]);
      expect(site.agent.runs(task_id).flatMap((run) => run.alive)).toEqual([]);
    }
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });
});

describe("max_task_duration", () => {
  test("stops a task that takes longer, with its grace, as task_timeout, and spares a quick one", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ top: { max_task_duration: "700ms" } });
    const quick = await site.run(assignment());
    const [run] = await site.hold(1, { AGENT_TRAP: "0.1", AGENT_GRANDCHILD: "1" });
    const taskId = run ? taskIdOf(run) : "";
    const slow = await site.plane.waitForTask(taskId);
    expect(quick.state).toBe("completed");
    expect([slow.state, slow.failureReason, slow.exitCode]).toEqual(["failed", "task_timeout", null]);
    expect(slow.message).toMatch(/^Failed to execute task: .*max_task_duration/);
    expect(run?.trapped).toBe(true);
    expect(run?.alive).toEqual([]);
  });

  // Once: it heard of the limit before it read how the agent had ended, and called every such task over time.
  test("does not touch a task that ended in time while its worker was frozen", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ top: { max_task_duration: "1s" } });
    const startedAt = performance.now();
    const [run] = await site.hold(1, { AGENT_EXIT: "4" });
    if (run === undefined) throw new Error("one task was asked for");
    worker.kill("SIGSTOP");
    run.release();
    await site.gone(run);
    await eventually(() => performance.now() - startedAt > 2_000, "the limit to be over for a while");
    worker.kill("SIGCONT");
    const { failureReason, exitCode } = await site.plane.waitForTask(taskIdOf(run));
    expect([failureReason, exitCode]).toEqual(["agent_invocation", 4]);
  });
});
