/** No terminal message is ever lost, whatever becomes of the link, and none is read twice without need. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import type { AgentRun } from "../support/fake-agent.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

/** Until the daemon has noted the end of each of these tasks, reported or not. */
async function noted(worker: WorkerProcess, runs: readonly AgentRun[]): Promise<void> {
  for (const run of runs) await worker.waitForLog(new RegExp(`task (?:ended|failed) .*${taskIdOf(run)}`));
}

function releaseAll(runs: readonly AgentRun[]): void {
  for (const run of runs) run.release();
}

/** How often each task's end was read by the peer. */
function timesRead(site: DirectSite, runs: readonly AgentRun[]): number[] {
  return runs.map((run) => site.terminals(taskIdOf(run)).length);
}

const times = (count: number, value: number) => Array.from({ length: count }, () => value);

describe("terminal messages", () => {
  test("50 of 50 arrive although the link is dropped again and again while tasks end", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = await site.hold(50);
    for (let round = 0; round < 10; round++) {
      const batch = runs.slice(round * 5, round * 5 + 5);
      releaseAll(batch.slice(0, 3));
      // The first end has been sent by now, the others are about to be.
      if (round % 2 === 0) await noted(worker, batch.slice(0, 1));
      site.plane.faults.drop(round % 3 === 0 ? "close" : "reset");
      releaseAll(batch.slice(3));
      await Promise.all(batch.map((run) => site.plane.waitForTask(taskIdOf(run))));
      await site.plane.waitForPings(1);
    }
    const tasks = await site.plane.waitForAllTasks();
    expect(tasks.map(({ state }) => state)).toEqual(Array.from({ length: 50 }, () => "completed"));
    for (const run of runs) {
      const links = site.plane.terminalsOf(taskIdOf(run)).map(({ connection }) => connection);
      // Read twice only where the first link died before it could be proven to have been read.
      expect(new Set(links).size).toBe(links.length);
    }
    expect(site.plane.connections.total).toBeGreaterThan(9);
  });

  test("20 of 20 that were sent into a half-open link arrive on the next, each once", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = await site.hold(20, { AGENT_EXIT: "6" });
    site.plane.faults.freeze();
    releaseAll(runs);
    await noted(worker, runs);
    expect(timesRead(site, runs)).toEqual(times(20, 0));
    site.plane.faults.drop();
    const tasks = await site.plane.waitForAllTasks();
    expect(tasks.map(({ exitCode }) => exitCode)).toEqual(times(20, 6));
    expect(timesRead(site, runs)).toEqual(times(20, 1));
  });

  test("go out oldest first on a new link, each claim before its end", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const runs = (await site.hold(8)).reverse();
    await site.plane.goDown();
    for (const run of runs) {
      run.release();
      await noted(worker, [run]);
    }
    await site.plane.comeUp();
    await site.plane.waitForAllTasks();
    const ends = site.plane.frames.filter(({ type }) => type === "task_completed");
    expect(ends.map(({ taskId }) => taskId)).toEqual(runs.map(taskIdOf));
    for (const run of runs) expect(site.messages(taskIdOf(run))[0]?.type).toBe("task_claimed");
  });

  test("240 of 240 arrive over 12 restarts of the control plane, each once where the peer read it once", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const all: AgentRun[] = [];
    for (let round = 0; round < 12; round++) {
      // Their claims come after the pong that proved the last round's ends, so those are never sent again.
      const runs = await site.hold(20);
      await Promise.all(runs.map((run) => site.plane.waitForTask(taskIdOf(run), ["claimed"])));
      await site.plane.goDown();
      releaseAll(runs);
      await noted(worker, runs);
      await site.plane.comeUp();
      await site.plane.waitForAllTasks({ timeoutMs: 30_000 });
      await site.plane.waitForPings(1);
      all.push(...runs);
    }
    expect(timesRead(site, all)).toEqual(times(240, 1));
    expect(site.plane.tasks().every(({ state }) => state === "completed")).toBe(true);
  }, 90_000);

  test("survive a link that ends in the middle of a frame", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    for (const direction of ["to-server", "to-client"] as const) {
      const [run] = await site.hold(1);
      site.plane.faults.truncateAfter(30, direction);
      run?.release();
      // The other direction needs something to cut.
      site.plane.faults.send("unheard_of", { long: "x".repeat(100) });
      const { state } = await site.plane.waitForTask(run ? taskIdOf(run) : "");
      expect(state).toBe("completed");
    }
  });
});

describe("a worker that is asked to stop while the link is down", () => {
  const quick = { cancel_grace_period: "1s", shutdown_timeout: "4s" };

  test("delivers what it owes when the control plane comes back in time", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ top: { cancel_grace_period: "1s" } });
    const [ended, running] = await site.hold(2);
    if (!ended || !running) throw new Error("two tasks were asked for");
    await site.plane.goDown();
    ended.release();
    await noted(worker, [ended]);
    worker.kill("SIGTERM");
    await noted(worker, [running]);
    await site.plane.comeUp();
    expect(await worker.finished()).toBe(0);
    expect(site.terminals(taskIdOf(ended)).map(({ type }) => type)).toEqual(["task_completed"]);
    expect(site.terminals(taskIdOf(running)).map(({ data }) => data["failure_reason"])).toEqual([
      "graceful_shutdown",
    ]);
    expect(worker.stderr).toMatch(/ INFO +stopped$/m);
  });

  test("leaves it in the journal when it does not, and the next start delivers it once", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ top: quick });
    const runs = await site.hold(5, { AGENT_EXIT: "3" });
    await site.plane.goDown();
    releaseAll(runs);
    await noted(worker, runs);
    expect(await worker.stop()).toBe(0);
    // The five ends, and of the claims those whose proof had not come yet when the link went down.
    expect(worker.stderr).toMatch(/ WARN .*next start.* undelivered=(?:[5-9]|10) /);
    await site.plane.comeUp();
    expect(timesRead(site, runs)).toEqual(times(5, 0));
    await using _next = await site.start();
    const tasks = await site.plane.waitForAllTasks();
    expect(tasks.map(({ exitCode }) => exitCode)).toEqual(times(5, 3));
    expect(timesRead(site, runs)).toEqual(times(5, 1));
  });
});

test("a link that is dropped while assignments come in costs none of them and runs none twice", async () => {
  await using site = await DirectSite.create();
  await using _worker = await site.start();
  const tasks = Array.from({ length: 40 }, () => assignment());
  for (const [index, task] of tasks.entries()) {
    site.plane.submit(task);
    if (index % 10 === 5) {
      await eventually(() => site.plane.connections.open.length === 1, "a link to drop");
      site.plane.faults.drop();
    }
  }
  await site.plane.waitForAllTasks();
  expect(tasks.map(({ task_id }) => site.agent.runs(task_id).length)).toEqual(times(40, 1));
});
