/** A stop with `drain_timeout`, or by SIGQUIT: what runs may end by itself, nothing new is taken, and nobody has to wait who does not want to. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite, type SiteWorkerOptions, taskIdOf } from "../support/direct-site.ts";
import { workerCommand } from "../support/worker-process.ts";

const DRAINING = /taking no more tasks, and waiting for those that run; another signal stops them.* tasks=1/;
const UNHURRIED = /taking no more tasks, and waiting for those that run; SIGTERM stops the worker.* tasks=1/;
const patient: SiteWorkerOptions = { top: { drain_timeout: "1h" } };

async function holdOne(site: DirectSite, env: Readonly<Record<string, string>> = {}) {
  const [run] = await site.hold(1, env);
  if (run === undefined) throw new Error("one task was asked for");
  return run;
}

describe("a worker that drains", () => {
  test("lets its task end by itself, takes nothing on meanwhile, and exits with 0", async () => {
    await using site = await DirectSite.create({ reofferDelayMs: 60_000 });
    await using worker = await site.start(patient);
    const run = await holdOne(site, { AGENT_TRAP: "0" });
    worker.kill("SIGTERM");
    await worker.waitForLog(DRAINING);
    const late = site.plane.submit(assignment());
    await site.plane.waitForTask(late.taskId, ["rejected"]);
    run.release();
    expect(await worker.finished()).toBe(0);
    expect(run.trapped).toBe(false);
    expect(site.plane.task(taskIdOf(run))).toMatchObject({ state: "completed", terminals: 1 });
    expect(site.agent.runs(late.taskId)).toEqual([]);
  });

  test("reports also what ends while the link is down", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start(patient);
    const run = await holdOne(site);
    worker.kill("SIGTERM");
    await worker.waitForLog(DRAINING);
    await site.plane.goDown();
    run.release();
    await site.gone(run);
    await site.plane.comeUp();
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskIdOf(run))).toMatchObject({ state: "completed", terminals: 1 });
  });

  // Once its link ended without a word, and what its task came to was not delivered, whatever key there was by then.
  test("tells of a key that is refused before there was any connection, and goes on trying", async () => {
    await using site = await DirectSite.create();
    await using killed = await site.start();
    const run = await holdOne(site);
    killed.kill("SIGKILL");
    await killed.exited;
    await site.plane.goDown();
    await using worker = await site.start({ ...patient, connected: false });
    await worker.waitForLog(/task taken over/);
    worker.kill("SIGTERM");
    await worker.waitForLog(DRAINING);
    site.plane.faults.refuse(401, 1);
    await site.plane.comeUp();
    await worker.waitForLog(/ERROR control plane refused the key status=401 .*retryInSeconds=/);
    run.release();
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskIdOf(run))).toMatchObject({ state: "completed", terminals: 1 });
  });

  test("obeys a cancellation meanwhile", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start(patient);
    const run = await holdOne(site);
    worker.kill("SIGTERM");
    await worker.waitForLog(DRAINING);
    site.plane.cancel(taskIdOf(run));
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskIdOf(run))?.state).toBe("cancelled");
  });

  test("stops its task when the time is over", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ top: { drain_timeout: "300ms" } });
    const run = await holdOne(site, { AGENT_TRAP: "0" });
    expect(await worker.stop()).toBe(0);
    expect(run.trapped).toBe(true);
    expect(site.plane.task(taskIdOf(run))?.failureReason).toBe("graceful_shutdown");
  });

  test("stops it gently at a second signal, and ends at once at a third", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start(patient);
    const run = await holdOne(site, { AGENT_IGNORE_TERM: "1", AGENT_EXIT: "8" });
    worker.kill("SIGTERM");
    await worker.waitForLog(DRAINING);
    worker.kill("SIGINT");
    await worker.waitForLog(/stopping; another signal ends the worker at once.* tasks=1/);
    worker.kill("SIGTERM");
    expect(await worker.exited).toBe(0);
    // Its agent, which would have had ten seconds, is left to the next start.
    expect(site.terminals(taskIdOf(run))).toEqual([]);
    await using _next = await site.start();
    run.release();
    expect(await site.plane.waitForTask(taskIdOf(run))).toMatchObject({ exitCode: 8, terminals: 1 });
  });

  test("with nothing to do exits at once", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start(patient);
    expect(await worker.stop()).toBe(0);
    expect(worker.stderr).not.toMatch(/taking no more tasks/);
  });

  // Else the worker of a `dev` that is gone would run on for as long as its tasks do, or as it may wait for them.
  test.each([
    ["as well", true],
    ["and nobody asked it to stop before", false],
  ])("stops its task when its input ends, %s", async (_when, isAsked) => {
    await using site = await DirectSite.create();
    const pipe = site.dir.join("input");
    Bun.spawnSync(["mkfifo", pipe]);
    const held = openSync(pipe, "r+");
    const command = ["/bin/sh", "-c", 'exec "$@" <"$INPUT"', "sh", ...workerCommand()];
    const flags = ["--stop-at-end-of-input"];
    await using worker = await site.start({ ...patient, command, flags, env: { INPUT: pipe } });
    const run = await holdOne(site);
    if (isAsked) {
      worker.kill("SIGTERM");
      await worker.waitForLog(DRAINING);
    }
    closeSync(held);
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskIdOf(run))?.failureReason).toBe("graceful_shutdown");
    if (!isAsked) expect(worker.stderr).not.toMatch(DRAINING);
  });
});

describe("a worker that is asked to drain by SIGQUIT", () => {
  test("lets its task end by itself, however often it is asked, takes nothing on meanwhile, and exits with 0", async () => {
    await using site = await DirectSite.create({ reofferDelayMs: 60_000 });
    await using worker = await site.start();
    const run = await holdOne(site, { AGENT_TRAP: "0" });
    worker.kill("SIGQUIT");
    await worker.waitForLog(UNHURRIED);
    worker.kill("SIGQUIT");
    const late = site.plane.submit(assignment());
    await site.plane.waitForTask(late.taskId, ["rejected"]);
    run.release();
    expect(await worker.finished()).toBe(0);
    expect(run.trapped).toBe(false);
    expect(site.plane.task(taskIdOf(run))).toMatchObject({ state: "completed", terminals: 1 });
    expect(site.agent.runs(late.taskId)).toEqual([]);
  });

  test("stops its task gently at a SIGTERM", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const run = await holdOne(site, { AGENT_TRAP: "0" });
    worker.kill("SIGQUIT");
    await worker.waitForLog(UNHURRIED);
    expect(await worker.stop()).toBe(0);
    expect(run.trapped).toBe(true);
    expect(site.plane.task(taskIdOf(run))?.failureReason).toBe("graceful_shutdown");
  });

  // As when the host goes down, whose service manager knows nothing of it: the time that was set for that holds.
  test("with a drain_timeout has that from a SIGTERM on", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start(patient);
    const run = await holdOne(site);
    worker.kill("SIGQUIT");
    await worker.waitForLog(UNHURRIED);
    worker.kill("SIGTERM");
    await worker.waitForLog(DRAINING);
    run.release();
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskIdOf(run))).toMatchObject({ state: "completed", terminals: 1 });
  });

  test("with nothing to do exits at once", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    worker.kill("SIGQUIT");
    expect(await worker.finished()).toBe(0);
  });
});
