/** SIGKILL while tasks are dispatched: each dispatch runs on, and the next worker reports its true end. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { readEnvironment, readProcess } from "../../src/process/process-table.ts";
import { assignment, assignments } from "../support/assignments.ts";
import { CommandSite, KEEP_PAYLOAD, LEAVE_CHILDREN, WORKER_ID } from "../support/command-site.ts";
import { shimOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";
import { WorkerProcess } from "../support/worker-process.ts";

const SECRET = "sesame-of-the-task";
/** Says that it has begun, waits to be let go, keeps its payload and exits with what it is told. */
const HELD = `echo $$ >>"$NOTES/begun"; until [ -s "$NOTES/go" ]; do sleep 0.02; done; ${KEEP_PAYLOAD}; echo words >&2; exit "$(cat "$NOTES/go")"`;

async function killHard(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  expect(await worker.exited).toBe(137);
}

async function begin(site: CommandSite, count: number) {
  const tasks = assignments(count, { env: { SECRET } });
  for (const task of tasks) site.plane.submit(task);
  await eventually(() => site.note("begun").split("\n").length === count + 1, "the dispatches to begin");
  return tasks.map(({ task_id }) => task_id);
}

describe("a worker killed while tasks are dispatched", () => {
  test.each(["meanwhile", "after"])(
    "is followed by one that knows those which were handed over %s",
    async (when) => {
      await using site = await CommandSite.create();
      await using first = await site.start({ dispatch: HELD });
      const ids = await begin(site, 3);
      await killHard(first);
      const go = () => Bun.write(`${site.notes}/go`, "0");
      if (when === "meanwhile") {
        await go();
        for (const id of ids) await site.waitForNote(`${id}.payload`, "}");
      }
      await using second = await site.start({ dispatch: HELD });
      if (when === "after") await go();
      for (const id of ids) await second.waitForLog(new RegExp(`task ended .*${id}.*handed-off`));
      for (const id of ids) {
        expect(site.terminals(id)).toEqual([]);
        // All of it, though whoever held it was killed before it was read.
        expect(site.payload(id)).toMatchObject({ run_id: id, env: { SECRET } });
        site.plane.cancel(id);
      }
      await eventually(() => site.cancellations.length === 3, "the cancellations to be passed on");
      expect(site.note("begun").split("\n")).toHaveLength(4);
      await eventually(
        () => readdirSync(site.dir.join("state/bar/exits")).length === 0,
        "the exit files to go",
      );
    },
  );

  test.each(["meanwhile", "after"])(
    "is followed by one that reports those which failed %s, once",
    async (when) => {
      await using site = await CommandSite.create();
      await using first = await site.start({ dispatch: HELD });
      const ids = await begin(site, 3);
      await killHard(first);
      if (when === "meanwhile") await Bun.write(`${site.notes}/go`, "7");
      await using _second = await site.start({ dispatch: HELD });
      if (when === "after") await Bun.write(`${site.notes}/go`, "7");
      for (const id of ids) {
        expect(await site.plane.waitForTask(id)).toMatchObject({
          state: "failed",
          failureReason: "dispatch_command",
          exitCode: 7,
          terminals: 1,
        });
      }
      expect(site.note("begun").split("\n")).toHaveLength(4);
    },
  );

  test("leaves nothing of a task but its names on the disk", async () => {
    await using site = await CommandSite.create();
    await using first = await site.start({ dispatch: HELD, apiKey: "test-key" });
    await begin(site, 2);
    await killHard(first);
    await Bun.write(`${site.notes}/go`, "1");
    await eventually(() => readdirSync(site.dir.join("state/bar/exits")).length === 2, "the exit files");
    const folder = site.dir.join("state");
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    );
    expect(files.length).toBeGreaterThan(3);
    for (const { parentPath, name } of files) {
      const bytes = readFileSync(`${parentPath}/${name}`, "latin1");
      for (const secret of [SECRET, "do it", "words", "test-key"]) expect(bytes).not.toContain(secret);
    }
  });

  test("is followed by one that still ends them at the timeout, whole", async () => {
    await using site = await CommandSite.create();
    const options = { dispatch: `${LEAVE_CHILDREN}; wait`, block: { dispatch_timeout: "3s" } };
    await using first = await site.start(options);
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes", "setsid");
    await killHard(first);
    await using _second = await site.start(options);
    expect(await site.plane.waitForTask(task.task_id)).toMatchObject({
      failureReason: "dispatch_timeout",
      terminals: 1,
    });
    expect(site.alive).toEqual([]);
  });

  test("is followed by one that can cancel them", async () => {
    await using site = await CommandSite.create();
    const options = { dispatch: `${LEAVE_CHILDREN}; wait` };
    await using first = await site.start(options);
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes", "setsid");
    await killHard(first);
    await using second = await site.start(options);
    await second.waitForLog(/task taken over/);
    site.plane.cancel(task.task_id);
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("cancelled");
    expect(site.alive).toEqual([]);
  });

  test("right after a claim is followed by one true end, and by no second dispatch", async () => {
    await using site = await CommandSite.create();
    // It ends when the first worker is dead: one that had time to report it would be repeated, unproven, by the second.
    const dispatch =
      'echo "$OZ_RUN_ID" >>"$NOTES/runs"; until [ -e "$NOTES/$OZ_RUN_ID.go" ]; do sleep 0.02; done; exit 5';
    const options = { dispatch };
    for (let round = 0; round < 8; round++) {
      await using first = await site.start(options);
      const task = assignment();
      site.plane.submit(task);
      await site.plane.waitForTask(task.task_id, ["claimed"]);
      await killHard(first);
      await Bun.write(`${site.notes}/${task.task_id}.go`, "");
      await using _second = await site.start(options);
      const { failureReason, exitCode, message, terminals } = await site.plane.waitForTask(task.task_id);
      const runs = site
        .note("runs")
        .split("\n")
        .filter((id) => id === task.task_id).length;
      expect([failureReason, terminals]).toEqual(["dispatch_command", 1]);
      if (exitCode === 5) expect(runs).toBe(1);
      else expect([message, runs]).toEqual([expect.stringMatching(/safe to retry|nobody knows whether/), 0]);
    }
  });
});

// Once: a dispatch that the dead worker had told to end was reported by the next as one that failed by itself.
describe("a worker killed while it ends a dispatch", () => {
  /** Says when it is asked to end, and ends with 3 only once nobody is there to see it. */
  const SLOW =
    'trap \'echo x >>"$NOTES/term"; until [ -e "$NOTES/go" ]; do sleep 0.02; done; exit 3\' TERM; echo x >>"$NOTES/begun"; while :; do sleep 0.02; done';

  test.each([
    ["cancelled it", {}, { state: "cancelled", terminals: 1 }],
    [
      "had no more time for it",
      { block: { dispatch_timeout: "300ms" } },
      { failureReason: "dispatch_timeout", exitCode: null, terminals: 1 },
    ],
    // It was told of as one that had failed with 3.
    [
      "had set max_task_duration",
      { top: { max_task_duration: "300ms" } },
      { failureReason: "task_timeout", exitCode: null, terminals: 1 },
    ],
  ])("because somebody %s is followed by one that says so", async (_why, settings, expected) => {
    await using site = await CommandSite.create();
    const options = { dispatch: SLOW, ...settings };
    await using first = await site.start(options);
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("begun");
    if ("state" in expected) site.plane.cancel(task.task_id);
    await site.waitForNote("term");
    await killHard(first);
    await Bun.write(`${site.notes}/go`, "");
    await eventually(() => readdirSync(site.dir.join("state/bar/exits")).length === 1, "the exit status");
    await using _second = await site.start(options);
    expect(await site.plane.waitForTask(task.task_id)).toMatchObject(expected);
  });
});

describe("a worker killed while an engine is told of a cancellation", () => {
  // Once: the control plane had been heard, the engine had not, and nobody ever told it.
  test.each(["SIGKILL", "SIGTERM"] as const)("by %s is followed by one that tells it", async (signal) => {
    await using site = await CommandSite.create();
    const cancel =
      'echo begun >>"$NOTES/cancels"; [ -e "$NOTES/go" ] || sleep 300; echo done >>"$NOTES/cancels"';
    const options = {
      ...{ dispatch: KEEP_PAYLOAD, cancel },
      top: { shutdown_timeout: "1s", cancel_grace_period: "1s" },
    };
    await using first = await site.start(options);
    const task = assignment();
    await site.handOver(task, first);
    site.plane.cancel(task.task_id);
    await site.waitForNote("cancels");
    first.kill(signal);
    await first.exited;
    await Bun.write(`${site.notes}/go`, "");
    await using second = await site.start(options);
    await second.waitForLog(/cancellation passed on/);
    expect(site.note("cancels")).toBe("begun\nbegun\ndone\n");
    // It is told once and for all: another worker has nothing to do.
    await second.stop();
    await using third = await site.start(options);
    site.plane.cancel(task.task_id);
    await third.waitForLog(/cancellation for a task that does not run here/);
    expect(site.note("cancels")).toBe("begun\nbegun\ndone\n");
  });
});

describe("when the shim is killed", () => {
  // Once: that its end is lost takes two seconds to find out, its time was over by then, and so it was told of as over time.
  test("with its worker, a dispatch that has ended meanwhile is not said to have been over time", async () => {
    await using site = await CommandSite.create();
    // Less than the start and those two seconds, and more than a busy machine takes to get here.
    const options = { dispatch: HELD, block: { dispatch_timeout: "2s" } };
    await using first = await site.start(options);
    const [taskId = ""] = await begin(site, 1);
    const dispatch = Number(site.note("begun"));
    process.kill(shimOf(first.pid), "SIGKILL");
    await killHard(first);
    await Bun.write(`${site.notes}/go`, "0");
    await eventually(() => readProcess(dispatch) === null, "the dispatch to end");
    await using _second = await site.start(options);
    const { failureReason, message } = await site.plane.waitForTask(taskId);
    expect([failureReason, message]).toEqual([
      "dispatch_command",
      expect.stringContaining("nobody knows how"),
    ]);
  });

  // Once: it ran on for as long as it liked, past dispatch_timeout and the worker's end.
  test("a cancel_command that ran under it is ended, and the next cancellation tries again", async () => {
    await using site = await CommandSite.create();
    const cancel = `[ -e "$NOTES/go" ] || { "$NOTES/note" $$ self; exec sleep 1000; }`;
    await using worker = await site.start({ dispatch: KEEP_PAYLOAD, cancel });
    const task = assignment();
    await site.handOver(task, worker);
    site.plane.cancel(task.task_id);
    await site.waitForNote("processes");
    process.kill(shimOf(worker.pid), "SIGKILL");
    await worker.waitForLog(/could not be passed on .*supervisor was killed/);
    expect(site.alive).toEqual([]);
    await Bun.write(`${site.notes}/go`, "");
    site.plane.faults.send("task_cancellation", { task_id: task.task_id });
    await worker.waitForLog(/cancellation passed on/);
  });

  test("what it dispatched is ended, its end is said to be unknown, and new tasks are dispatched", async () => {
    await using site = await CommandSite.create();
    const dispatch = `[ -e "$NOTES/go" ] || { ${LEAVE_CHILDREN}; wait; }`;
    await using worker = await site.start({ dispatch });
    const task = assignment();
    site.plane.submit(task);
    await site.waitForNote("processes", "setsid");
    const shim = shimOf(worker.pid);
    process.kill(shim, "SIGKILL");
    const { failureReason, message } = await site.plane.waitForTask(task.task_id);
    expect([failureReason, message]).toEqual([
      "dispatch_command",
      expect.stringContaining("nobody knows how"),
    ]);
    expect(site.alive).toEqual([]);
    await Bun.write(`${site.notes}/go`, "");
    await site.handOver(assignment(), worker);
  });

  test("while the worker stops, its task is not called safe to retry: the engine may have it", async () => {
    await using site = await CommandSite.create();
    await using worker = await site.start({ dispatch: HELD });
    const [id = ""] = await begin(site, 1);
    const shim = shimOf(worker.pid);
    worker.kill("SIGTERM");
    await worker.waitForLog(/stopping|shutting down/);
    process.kill(shim, "SIGKILL");
    const { failureReason, message, terminals } = await site.plane.waitForTask(id);
    expect({ failureReason, terminals }).toEqual({ failureReason: "dispatch_command", terminals: 1 });
    expect(message).toContain("look whether your engine has the task");
    await worker.exited;
  });

  // It was called safe to retry all the same: only a dispatch that ended by itself was thought of.
  test("while the worker ends what the stop has no more time for, the task is not called so either", async () => {
    await using site = await CommandSite.create();
    const top = { shutdown_timeout: "300ms", cancel_grace_period: "100ms" };
    // It begins when its shim has long told of it, which it does of what has lived for two milliseconds.
    await using worker = await site.start({ dispatch: `sleep 0.3; ${HELD}`, top });
    const [id = ""] = await begin(site, 1);
    const shim = shimOf(worker.pid);
    const dispatch = Number(site.note("begun"));
    // It cannot tell what becomes of the dispatch any more, and nobody notices before it is gone.
    process.kill(shim, "SIGSTOP");
    worker.kill("SIGTERM");
    await eventually(() => readProcess(dispatch)?.zombie !== false, "the dispatch to be ended");
    process.kill(shim, "SIGKILL");
    const { failureReason, message, terminals } = await site.plane.waitForTask(id);
    expect({ failureReason, terminals }).toEqual({ failureReason: "dispatch_command", terminals: 1 });
    expect(message).toContain("look whether your engine has the task");
    await worker.exited;
  });

  // It was said not to have started, and went on to hand over a task that was reported as failed.
  test("before it could tell of a dispatch, that hands nothing over after the report", async () => {
    await using site = await CommandSite.create();
    const dispatch = `kill -KILL $PPID; sleep 1; ${KEEP_PAYLOAD}`;
    await using _worker = await site.start({ dispatch });
    for (let tries = 0; tries < 5; tries++) {
      const task = assignment();
      site.plane.submit(task);
      const { failureReason, message, terminals } = await site.plane.waitForTask(task.task_id);
      expect({ failureReason, terminals }).toEqual({ failureReason: "dispatch_command", terminals: 1 });
      expect(message).toContain("nobody knows how");
      const marked = (pid: string) =>
        readEnvironment(Number(pid))?.includes(`OZ_RUN_ID=${task.task_id}`) === true;
      expect(readdirSync("/proc").filter(marked)).toEqual([]);
    }
  }, 60_000);
});

// Once the next worker said that the task was safe to retry, while its dispatch went on.
test("a worker with another backend says of a task taken over that it may still run", async () => {
  await using site = await CommandSite.create();
  await using first = await site.start({ dispatch: HELD });
  const [id = ""] = await begin(site, 1);
  await killHard(first);
  const direct = { workspace_root: site.dir.join("ws"), oz_path: "/bin/true" };
  const config = JSON.stringify({ worker_id: WORKER_ID, backend: { direct } });
  await using _next = await WorkerProcess.start({ stateDir: site.stateDir, plane: site.plane, config });
  expect(await site.plane.waitForTask(id)).toMatchObject({
    failureReason: "unknown",
    message: expect.stringMatching(/another backend.*may still run/),
  });
  await Bun.write(`${site.notes}/go`, "0");
  await site.waitForNote(`${id}.payload`, "}");
});
