/** A dispatch that is ended: over time, by a cancellation, by the worker's own stop. */
import { describe, expect, test } from "bun:test";
import { assignment, assignments } from "../support/assignments.ts";
import { CommandSite, KEEP_PAYLOAD, LEAVE_CHILDREN, NOTE_CANCEL } from "../support/command-site.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const HANG = `${LEAVE_CHILDREN}; wait`;
/** Hands the task over although it is asked to stop. */
const ACCEPT_ON_TERM = `trap 'exit 0' TERM; "$NOTES/note" $$ self; while :; do sleep 0.05; done`;
const HELD = `echo x >>"$NOTES/begun"; until [ -e "$NOTES/go" ]; do sleep 0.02; done`;
const SHORT = { dispatch_timeout: "400ms" };

describe("a dispatch over time", () => {
  test("is ended whole, to the last grandchild, and reported as dispatch_timeout with its last words", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({
      dispatch: `echo waiting for the queue >&2; ${HANG}`,
      block: SHORT,
    });
    const task = await site.run(assignment());
    expect(task).toMatchObject({
      state: "failed",
      failureReason: "dispatch_timeout",
      exitCode: null,
      terminals: 1,
    });
    expect(task.message).toBe(
      "Failed to execute task: dispatch_command took longer than dispatch_timeout allows (400 ms) and was ended: waiting for the queue",
    );
    expect(site.processes).toHaveLength(3);
    expect(site.alive).toEqual([]);
  });

  test("that ignores SIGTERM is killed after the grace period", async () => {
    await using site = await CommandSite.create();
    const stubborn = `trap '' TERM; ${LEAVE_CHILDREN}; while :; do sleep 0.1; done`;
    await using _worker = await site.start({
      dispatch: stubborn,
      block: SHORT,
      top: { cancel_grace_period: "300ms" },
    });
    const { failureReason } = await site.run(assignment());
    expect(failureReason).toBe("dispatch_timeout");
    expect(site.alive).toEqual([]);
  });

  test("that hands the task over all the same is taken back", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch: ACCEPT_ON_TERM, block: SHORT });
    const { failureReason, taskId } = await site.run(assignment());
    expect(failureReason).toBe("dispatch_timeout");
    expect(site.cancellations).toEqual([`${taskId} exec-${taskId} command`]);
  });

  // Debian's shell waits beside a program that it starts: it was ended with 143, and that counted as the dispatch's end.
  test("that is a program, and hands the task over all the same, is taken back", async () => {
    await using site = await CommandSite.create();
    const program = await site.dir.write("dispatch", `#!/bin/sh\n${ACCEPT_ON_TERM}\n`, 0o755);
    await using _worker = await site.start({ dispatch: program, block: SHORT });
    const { failureReason, taskId } = await site.run(assignment());
    expect(failureReason).toBe("dispatch_timeout");
    expect(site.cancellations).toEqual([`${taskId} exec-${taskId} command`]);
  });

  test("has the whole of its time, and no less", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: "sleep 0.5", block: { dispatch_timeout: "10s" } });
    await site.handOver(assignment(), worker);
  });
});

describe("a cancellation while the task is dispatched", () => {
  test("ends the dispatch whole and is reported as cancelled", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch: HANG });
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes", "setsid");
    site.plane.cancel(task.task_id);
    const { state, message, terminals } = await site.plane.waitForTask(task.task_id);
    expect([state, message, terminals]).toEqual(["cancelled", "Task cancelled by user request.", 1]);
    expect(site.alive).toEqual([]);
    expect(site.cancellations).toEqual([]);
  });

  test("that comes when the engine has taken it reaches the engine", async () => {
    await using site = await CommandSite.create();
    await using _worker = await site.start({ dispatch: ACCEPT_ON_TERM });
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes");
    site.plane.cancel(task.task_id);
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("cancelled");
    expect(site.cancellations).toEqual([`${task.task_id} exec-${task.task_id} command`]);
  });

  // Once: the stop ended cancel_command, the task was told of as cancelled all the same, and the engine ran it on.
  test("that a stopping worker has no time to pass on to that engine is passed on by the next", async () => {
    await using site = await CommandSite.create();
    const options = {
      dispatch: ACCEPT_ON_TERM,
      cancel: `echo x >>"$NOTES/asked"; [ -e "$NOTES/go" ] || sleep 300; ${NOTE_CANCEL}`,
      top: { shutdown_timeout: "300ms", cancel_grace_period: "100ms" },
    };
    await using first = await site.start(options);
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes");
    site.plane.cancel(task.task_id);
    await site.waitForNote("asked");
    expect(await first.stop()).toBe(0);
    expect([site.terminals(task.task_id), site.note("asked")]).toEqual([[], "x\n"]);
    await Bun.write(`${site.notes}/go`, "");
    await using second = await site.start(options);
    await second.waitForLog(/cancellation passed on/);
    expect(site.cancellations).toEqual([`${task.task_id} exec-${task.task_id} command`]);
  });

  test("leaves the other dispatches alone, also one whose execution has the same name", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: HELD });
    const [one, other] = assignments(2, { executionId: "first" });
    if (!one || !other) throw new Error("two were asked for");
    site.plane.submit(one);
    site.plane.submit(other);
    await site.waitForNote("begun", "x\nx\n");
    site.plane.cancel(one.task_id);
    await site.plane.waitForTask(one.task_id, ["cancelled"]);
    await Bun.write(`${site.notes}/go`, "");
    await worker.waitForLog(new RegExp(`task ended .*${other.task_id}.*handed-off`));
  });
});

/** A task whose dispatch has begun, and is held, in a worker that stops. */
async function stoppedInDispatch(site: CommandSite, worker: WorkerProcess) {
  const task = assignment();
  site.plane.submit(task);
  await site.waitForNote("begun");
  worker.kill("SIGTERM");
  await worker.waitForLog(/stopping/);
  return task;
}

describe("a worker that is told to stop", () => {
  test("lets a dispatch in the middle of it come to its end, and takes no new task", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: `${HELD}; ${KEEP_PAYLOAD}` });
    const task = await stoppedInDispatch(site, worker);
    await Bun.write(`${site.notes}/go`, "");
    expect(await worker.finished()).toBe(0);
    expect(worker.stderr).toMatch(new RegExp(`task ended .*${task.task_id}.*handed-off`));
    expect(site.payload(task.task_id)["run_id"]).toBe(task.task_id);
    expect(site.terminals(task.task_id)).toEqual([]);
  });

  // Once: the stop was the first reason, the dispatch came to its end, and nobody told the engine of the cancellation.
  test("passes a cancellation of such a dispatch on when the engine has the task", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: `${HELD}; ${KEEP_PAYLOAD}` });
    const task = await stoppedInDispatch(site, worker);
    site.plane.cancel(task.task_id);
    await worker.waitForLog(/task cancellation requested/);
    await Bun.write(`${site.notes}/go`, "");
    expect(await worker.finished()).toBe(0);
    expect(worker.stderr).toMatch(/cancellation passed on/);
    expect([site.cancellations, site.terminals(task.task_id)]).toEqual([
      [`${task.task_id} exec-${task.task_id} command`],
      [],
    ]);
  });

  test("ends one that takes longer than the stop may, and says that it is safe to retry", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({
      dispatch: HANG,
      top: { shutdown_timeout: "300ms", cancel_grace_period: "100ms" },
    });
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes", "setsid");
    expect(await worker.stop()).toBe(0);
    expect(site.plane.task(task.task_id)).toMatchObject({
      failureReason: "graceful_shutdown",
      message: expect.stringContaining("safe to retry"),
      terminals: 1,
    });
    expect(site.alive).toEqual([]);
  });

  test("together with its dispatch, by a service manager that signals all, blames the stop", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: HANG });
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes", "setsid");
    for (const { pid } of site.processes) process.kill(pid, "SIGTERM");
    expect(await worker.stop()).toBe(0);
    expect(site.plane.task(task.task_id)).toMatchObject({ failureReason: "graceful_shutdown", terminals: 1 });
  });

  test("leaves what it handed over alone", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: `${LEAVE_CHILDREN} >/dev/null 2>&1` });
    const task = assignment();
    await site.handOver(task, worker);
    expect(await worker.stop()).toBe(0);
    expect(site.alive).toEqual(["child", "setsid"]);
    expect([site.cancellations, site.terminals(task.task_id)]).toEqual([[], []]);
  });
});

test("a task that has run too long while it was dispatched is reported as task_timeout", async () => {
  await using site = await CommandSite.create();
  await using _worker = await site.start({ dispatch: HANG, top: { max_task_duration: "500ms" } });
  expect((await site.run(assignment())).failureReason).toBe("task_timeout");
  await eventually(() => site.alive.length === 0, "the dispatch to be gone");
});
