/** Workers that leave by themselves, as those of an autoscaler do. */
import { describe, expect, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import { CONNECTED, TEST_API_KEY, WorkerProcess } from "../support/worker-process.ts";

describe("a worker with --max-tasks", () => {
  test("runs so many, turns down what comes then, and leaves with 0 when the last has ended", async () => {
    await using site = await DirectSite.create({ reofferDelayMs: 60_000 });
    await using worker = await site.start({ flags: ["--max-tasks", "2"] });
    expect((await site.run(assignment())).state).toBe("completed");
    const [run] = await site.hold(1);
    const { taskId } = site.plane.submit(assignment());
    await site.plane.waitForTask(taskId, ["rejected"]);
    expect(worker.running).toBe(true);
    run?.release();
    expect(await worker.finished()).toBe(0);
    expect(site.plane.tasks().map(({ state }) => state)).toEqual(["completed", "completed", "rejected"]);
    expect(site.agent.runs(taskId)).toEqual([]);
  });

  test("does not leave with a report that nobody has read", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: ["--max-tasks", "1"] });
    const [run] = await site.hold(1);
    if (run === undefined) throw new Error("one task was asked for");
    site.plane.faults.freeze();
    run.release();
    await worker.waitForLog(/task ended/);
    // Frozen, it is neither read nor proven. What is lost with the link is sent again.
    site.plane.faults.drop("reset");
    expect(await worker.finished()).toBe(0);
    expect(site.plane.task(taskIdOf(run))).toMatchObject({ state: "completed", terminals: 1 });
    // It did not count on the few seconds that a stop gives to what is unread.
    expect(worker.stderr).toMatch(/connection to the control plane lost.*\n(?:.*\n)*.* stopping tasks=0/);
  });

  test("leaves also after a task that an earlier worker left", async () => {
    await using site = await DirectSite.create();
    await using killed = await site.start();
    const [run] = await site.hold(1);
    killed.kill("SIGKILL");
    await killed.exited;
    await using worker = await site.start({ flags: ["--max-tasks=1"] });
    run?.release();
    expect(await worker.finished()).toBe(0);
    expect(site.plane.tasks()).toMatchObject([{ state: "completed", terminals: 1 }]);
  });

  // Once it left between the two, as nothing was owed for the first: the other was stopped.
  test("leaves after both when dead workers left two executions of one task", async () => {
    await using site = await CommandSite.create({ reofferDelayMs: 60_000 });
    await using other = await CommandSite.create();
    const shared = { stateDir: site.stateDir, env: { NOTES: site.notes } };
    const held = {
      dispatch: `echo begun >>"$NOTES/$OZ_EXECUTION_ID"; until [ -s "$NOTES/go-$OZ_EXECUTION_ID" ]; do sleep 0.02; done`,
    };
    await using first = await site.start(held);
    site.plane.submit(assignment({ taskId: "t", executionId: "e1" }));
    await site.waitForNote("e1");
    await using second = await other.start({ ...held, ...shared });
    // As long as it lives, no other worker of the host dispatches its task.
    first.kill("SIGKILL");
    await first.exited;
    other.plane.submit(assignment({ taskId: "t", executionId: "e2" }));
    await site.waitForNote("e2");
    second.kill("SIGKILL");
    await second.exited;
    const top = { max_tasks: 1, health_address: "127.0.0.1:0" };
    await using heir = await site.start({ ...held, top });
    const [, health = ""] = await heir.waitForLog(/health is told address=(\S+)/);
    // The claims may have been read and not proven: as long as one is owed, it does not leave in any case.
    await eventually(async () => {
      const { outbox } = (await (await fetch(`${health}/statusz`)).json()) as {
        outbox: { messages: number };
      };
      return outbox.messages === 0;
    }, "all that the dead ones said to be proven");
    const end = async (executionId: string) => {
      await Bun.write(`${site.notes}/go-${executionId}`, "now");
      await heir.waitForLog(new RegExp(`task ended .*executionId=${executionId} result=handed-off`));
    };
    await end("e1");
    await heir.waitForLog(/task taken over .*executionId=e2/);
    const { taskId } = site.plane.submit(assignment());
    await site.plane.waitForTask(taskId, ["rejected"]);
    expect(heir.stderr).not.toMatch(/ stopping;/);
    await end("e2");
    expect(await heir.finished()).toBe(0);
    expect(site.terminals("t")).toEqual([]);
  });

  // Once it claimed such a Job, and then did not follow it: nobody else could have it while its own task ran.
  test("follows the Job of a worker that is gone all the same, while its own last task runs", async () => {
    await using cluster = await FakeCluster.start();
    await using states = await TempDir.create("states");
    // One each, so that each is given its own task.
    await using another = await ControlPlane.start({ apiKey: TEST_API_KEY });
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    const start = async (name: string, to: ControlPlane, ...flags: readonly string[]) => {
      const stateDir = states.join(name);
      const env = { KUBECONFIG: await cluster.kubeconfig() };
      const all = ["--worker-id", "w", "--backend", "kubernetes", ...flags];
      return WorkerProcess.startUntil({ plane: to, stateDir, flags: all, env }, CONNECTED);
    };
    await using gone = await start("gone", another);
    another.submit(assignment({ taskId: "theirs" }));
    const theirs = await cluster.jobOf("theirs");
    await using worker = await start("worker", plane, "--max-tasks", "1");
    plane.submit(assignment({ taskId: "own" }));
    const own = await cluster.jobOf("own");
    expect(await gone.stop()).toBe(0);
    await worker.waitForLog(/Job of a dead worker taken over.* taskId=theirs adoption=taken/, 30_000);
    cluster.complete(theirs.metadata.name);
    await plane.waitForFrame(({ type, taskId }) => type === "task_completed" && taskId === "theirs");
    expect(worker.running).toBe(true);
    cluster.complete(own.metadata.name);
    expect(await worker.finished()).toBe(0);
    expect(plane.task("own")).toMatchObject({ state: "completed", terminals: 1 });
  }, 60_000);
});

test("a worker with --exit-after-idle leaves with 0 when there is nothing more to do", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ flags: ["--exit-after-idle", "1s"] });
  const [run] = await site.hold(1);
  run?.release();
  await worker.waitForLog(/leaving: there was no task for exit_after_idle.* seconds=1$/m);
  expect(await worker.finished()).toBe(0);
  expect(site.plane.tasks()).toMatchObject([{ state: "completed", terminals: 1 }]);
});
