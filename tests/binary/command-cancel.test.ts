/** A cancellation of a task that was handed over reaches the engine that has it: at any time, and once. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { CommandSite, NOTE_CANCEL } from "../support/command-site.ts";
import { eventually } from "../support/wait.ts";
import type { WorkerProcess } from "../support/worker-process.ts";

const line = (taskId: string) => `${taskId} exec-${taskId} command`;

async function cancelAndWait(site: CommandSite, worker: WorkerProcess, taskId: string, log: RegExp) {
  site.plane.cancel(taskId);
  await worker.waitForLog(new RegExp(`${log.source}.*${taskId}`));
}

describe("a cancellation of a task handed over", () => {
  test("runs cancel_command with its names, and is answered with no message", async () => {
    await using site = await CommandSite.create();
    const cancel = `${NOTE_CANCEL}; env -0 >"$NOTES/env"; cat >"$NOTES/input"`;
    await using worker = await site.start({ dispatch: "true", cancel, env: { OF_THE_WORKER: "kept" } });
    const task = assignment({ env: { SECRET: "sesame-street" } });
    await site.handOver(task, worker);
    await cancelAndWait(site, worker, task.task_id, /cancellation passed on/);
    expect(site.cancellations).toEqual([line(task.task_id)]);
    expect(site.note("env")).toContain("OF_THE_WORKER=kept\0");
    expect(site.note("env") + site.note("input")).not.toContain("sesame");
    expect(site.terminals(task.task_id)).toEqual([]);
  });

  test("twice is passed on once", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: "true" });
    const task = assignment();
    await site.handOver(task, worker);
    await cancelAndWait(site, worker, task.task_id, /cancellation passed on/);
    site.plane.faults.send("task_cancellation", { task_id: task.task_id });
    await worker.waitForLog(new RegExp(`cancellation for a task that does not run here.*${task.task_id}`));
    expect(site.cancellations).toEqual([line(task.task_id)]);
  });

  test("reaches the engine after a restart of the worker, after SIGKILL too, and still only once", async () => {
    await using site = await CommandSite.create();
    await using first = await site.start({ dispatch: "true" });
    const [before, after] = [assignment(), assignment()];
    await site.handOver(before, first);
    await site.handOver(after, first);
    await cancelAndWait(site, first, before.task_id, /cancellation passed on/);
    first.kill("SIGKILL");
    await first.exited;
    await using second = await site.start({ dispatch: "true" });
    await cancelAndWait(site, second, after.task_id, /cancellation passed on/);
    site.plane.faults.send("task_cancellation", { task_id: before.task_id });
    await second.waitForLog(new RegExp(`does not run here.*${before.task_id}`));
    expect(site.cancellations).toEqual([line(before.task_id), line(after.task_id)]);
  });

  // Of a job that waits for days in the engine's queue the control plane hears nothing, and it starts another execution.
  // A user who cancelled in the moment in which that one was handed over, too, was told that the task was cancelled, and
  // the first job ran.
  test("reaches the engine also while a later execution of it is being handed over", async () => {
    await using site = await CommandSite.create();
    const dispatch = 'case $OZ_EXECUTION_ID in later) "$NOTES/note" $$ self; exec sleep 1000;; esac';
    await using worker = await site.start({ dispatch });
    const task = assignment();
    await site.handOver(task, worker);
    site.plane.faults.send("task_assignment", { ...task, execution_id: "later" });
    await site.waitForNote("processes");
    site.plane.faults.send("task_cancellation", { task_id: task.task_id });
    await worker.waitForLog(/task ended .*executionId=later result=cancelled/);
    await worker.waitForLog(/cancellation passed on/);
    expect(site.cancellations).toEqual([line(task.task_id)]);
    expect(site.alive).toEqual([]);
  });

  test("is tried again when it comes again, after the engine could not be told", async () => {
    await using site = await CommandSite.create();
    const cancel = `[ -e "$NOTES/up" ] || { echo engine is down >&2; exit 1; }; ${NOTE_CANCEL}`;
    await using worker = await site.start({ dispatch: "true", cancel });
    const task = assignment();
    await site.handOver(task, worker);
    await cancelAndWait(site, worker, task.task_id, /cancellation could not be passed on/);
    expect(worker.stderr).toContain("cancel_command exited with status 1: engine is down");
    await Bun.write(`${site.notes}/up`, "");
    site.plane.faults.send("task_cancellation", { task_id: task.task_id });
    await worker.waitForLog(/cancellation passed on/);
    expect(site.cancellations).toEqual([line(task.task_id)]);
    expect(site.terminals(task.task_id)).toEqual([]);
  });

  test("is ended at the timeout, and said to have failed", async () => {
    await using site = await CommandSite.create();
    const cancel = '"$NOTES/note" $$ self; sleep 1000';
    await using worker = await site.start({ dispatch: "true", cancel, block: { dispatch_timeout: "300ms" } });
    const task = assignment();
    await site.handOver(task, worker);
    site.plane.cancel(task.task_id);
    await worker.waitForLog(/could not be passed on.*cancel_command took longer than dispatch_timeout/);
    expect(site.alive).toEqual([]);
  });

  test("without a cancel_command is a warning that names the setting", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: "true", cancel: null });
    const task = assignment();
    await site.handOver(task, worker);
    site.plane.cancel(task.task_id);
    await worker.waitForLog(/WARN .*could not be passed on.*backend\.command\.cancel_command/);
    expect(worker.running).toBe(true);
  });

  test("leaves what the dispatch left running to the command that it runs", async () => {
    await using site = await CommandSite.create();
    const dispatch = 'sleep 1000 >/dev/null 2>&1 & "$NOTES/note" $! runner; echo $! >"$NOTES/$OZ_RUN_ID.pid"';
    const cancel = 'kill "$(cat "$NOTES/$OZ_RUN_ID.pid")"';
    await using worker = await site.start({ dispatch, cancel });
    const [kept, ended] = [assignment(), assignment()];
    await site.handOver(kept, worker);
    await site.handOver(ended, worker);
    expect(site.alive).toEqual(["runner", "runner"]);
    await cancelAndWait(site, worker, ended.task_id, /cancellation passed on/);
    await eventually(() => site.alive.length === 1, "the runner that was asked to end to be gone");
  });

  test("does not keep a stopping worker longer than the stop may take", async () => {
    await using site = await CommandSite.create();
    const cancel = '"$NOTES/note" $$ self; sleep 1000';
    await using worker = await site.start({
      dispatch: "true",
      cancel,
      top: { shutdown_timeout: "300ms", cancel_grace_period: "100ms" },
    });
    const task = assignment();
    await site.handOver(task, worker);
    site.plane.cancel(task.task_id);
    await site.waitForNote("processes");
    expect(await worker.stop()).toBe(0);
    expect(worker.stderr).toMatch(/the worker had to stop before cancel_command had ended/);
    expect(site.alive).toEqual([]);
  });
});

test("a cancellation of a task that nobody knows runs nothing", async () => {
  await using site = await CommandSite.create();
  await using worker = await site.start({ dispatch: "true" });
  site.plane.faults.send("task_cancellation", { task_id: "stranger" });
  await worker.waitForLog(/cancellation for a task that does not run here.*stranger/);
  expect(site.cancellations).toEqual([]);
});
