/** The same assignment again, another of the same task, and more than there is room for. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf, WORKER_ID } from "../support/direct-site.ts";

const HELD = { AGENT_HOLD: "1" };

function count(site: DirectSite, type: string, taskId: string): number {
  return site.messages(taskId).filter((message) => message.type === type).length;
}

/** Until a worker has said so many things of this type about a task. */
async function said(site: DirectSite, type: string, taskId: string, times: number): Promise<void> {
  await site.plane.waitForFrame(
    (frame) => frame.taskId === taskId && frame.type === type && count(site, type, taskId) >= times,
  );
}

describe("one assignment", () => {
  test("delivered three times at once runs once, and is claimed to each", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const task = assignment({ env: HELD });
    site.plane.faults.send("task_assignment", task, 3);
    await said(site, "task_claimed", task.task_id, 3);
    const run = await site.agent.waitForStart(task.task_id);
    run.release();
    await said(site, "task_completed", task.task_id, 1);
    // A task that comes later goes all the way; whatever the three would have set off is over by then.
    await site.run(assignment());
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
    expect(site.messages(task.task_id).map(({ type }) => type)).toEqual([
      ...["task_claimed", "task_claimed", "task_claimed", "task_completed"],
    ]);
  });

  test("delivered again after its end gets its terminal message again, and does not run", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const task = assignment({ env: { AGENT_EXIT: "3" } });
    await site.run(task);
    site.plane.faults.send("task_assignment", task);
    await said(site, "task_failed", task.task_id, 2);
    const [first, second] = site.terminals(task.task_id);
    expect(second).toEqual(first);
    await site.run(assignment());
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
    expect(count(site, "task_claimed", task.task_id)).toBe(1);
  });

  // Once: it was told as failed beside its true end, for what came again was not as it should be.
  test("delivered again after its end with a field that cannot be read gets its terminal message again", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const task = assignment();
    await site.run(task);
    site.plane.faults.send("task_assignment", { ...task, env_vars: 5 });
    await said(site, "task_completed", task.task_id, 2);
    expect(site.terminals(task.task_id).map(({ type }) => type)).toEqual([
      "task_completed",
      "task_completed",
    ]);
  });

  test("is known again after a restart, and after a crash", async () => {
    await using site = await DirectSite.create();
    const task = assignment({ env: { AGENT_EXIT: "3" } });
    await using first = await site.start();
    await site.run(task);
    await first.stop();
    await using second = await site.start();
    site.plane.faults.send("task_assignment", task);
    await said(site, "task_failed", task.task_id, 2);
    await second.stop("SIGKILL");
    await using _third = await site.start();
    site.plane.faults.send("task_assignment", task);
    await said(site, "task_failed", task.task_id, 3);
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
  });

  test("is claimed again when it comes once more to a daemon that took it over", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const task = assignment({ env: HELD });
    const [run] = await site.holdAll([task]);
    await first.stop("SIGKILL");
    await using _second = await site.start();
    const claims = count(site, "task_claimed", task.task_id);
    site.plane.faults.send("task_assignment", task);
    await said(site, "task_claimed", task.task_id, claims + 1);
    run?.release();
    expect((await site.plane.waitForTask(task.task_id)).terminals).toBe(1);
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
  });
});

describe("without an execution id", () => {
  test("a running task does not run twice, and an ended one runs again", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const task = assignment({ executionId: null, env: HELD });
    site.plane.faults.send("task_assignment", task, 2);
    await said(site, "task_claimed", task.task_id, 2);
    (await site.agent.waitForStart(task.task_id)).release();
    await said(site, "task_completed", task.task_id, 1);
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
    site.plane.faults.send("task_assignment", task);
    (await site.agent.waitForStart(task.task_id, 2)).release();
    await said(site, "task_completed", task.task_id, 2);
  });
});

describe("another execution of a task", () => {
  test("is rejected while the first runs, and runs when that has ended", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const first = assignment({ env: HELD });
    const second = assignment({ taskId: first.task_id, executionId: "another", env: HELD });
    const [run] = await site.holdAll([first]);
    site.plane.faults.send("task_assignment", second);
    await said(site, "task_rejected", first.task_id, 1);
    run?.release();
    await said(site, "task_completed", first.task_id, 1);
    expect(site.agent.runs(first.task_id)).toHaveLength(1);
    site.plane.faults.send("task_assignment", second);
    (await site.agent.waitForStart(first.task_id, 2)).release();
    await said(site, "task_completed", first.task_id, 2);
  });
});

describe("at capacity", () => {
  test("a task is rejected with the exact reason, and taken when there is room", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ flags: ["--max-concurrent-tasks", "2"] });
    const [one, two] = await site.hold(2);
    const third = assignment();
    site.plane.submit(third);
    await site.plane.waitForTask(third.task_id, ["rejected"]);
    expect(site.messages(third.task_id)).toEqual([
      {
        type: "task_rejected",
        data: { task_id: third.task_id, reason: "worker at maximum concurrency" },
      },
    ]);
    one?.release();
    expect((await site.plane.waitForTask(third.task_id)).state).toBe("completed");
    expect(site.messages(third.task_id).slice(-2)).toEqual([
      { type: "task_claimed", data: { task_id: third.task_id, worker_id: WORKER_ID } },
      { type: "task_completed", data: { task_id: third.task_id, message: "Task completed successfully" } },
    ]);
    two?.release();
    await site.plane.waitForAllTasks();
  });

  test("one that runs already is claimed again all the same", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ top: { max_concurrent_tasks: 1 } });
    const task = assignment({ env: HELD });
    const [run] = await site.holdAll([task]);
    site.plane.faults.send("task_assignment", task);
    await said(site, "task_claimed", task.task_id, 2);
    run?.release();
    await site.plane.waitForAllTasks();
    expect(count(site, "task_rejected", task.task_id)).toBe(0);
  });

  test("never more run than allowed, and all get their turn", async () => {
    await using site = await DirectSite.create({ reofferDelayMs: 10 });
    await using _worker = await site.start({ top: { max_concurrent_tasks: 3 } });
    let most = 0;
    const tasks = Array.from({ length: 20 }, () => assignment());
    for (const task of tasks) site.plane.submit(task);
    await site.plane.waitForAllTasks();
    let running = 0;
    for (const { type } of site.plane.frames) {
      if (type === "task_claimed") most = Math.max(most, ++running);
      if (type === "task_completed") running--;
    }
    expect(most).toBe(3);
    expect(tasks.map(({ task_id }) => site.agent.runs(task_id).length)).toEqual(tasks.map(() => 1));
  });

  test("0 means no limit", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ flags: ["--max-concurrent-tasks=0"] });
    const runs = await site.hold(25);
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    expect(runs.map((run) => count(site, "task_rejected", taskIdOf(run)))).toEqual(runs.map(() => 0));
  });
});
