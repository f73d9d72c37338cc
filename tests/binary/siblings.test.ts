/** Several daemons of one worker id on one host: each its own tasks, and a dead one's are taken over once. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import type { Frame } from "../../src/dev/frame-log.ts";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf, WORKER_ID } from "../support/direct-site.ts";
import type { AgentRun } from "../support/fake-agent.ts";
import { OWN_LOOPBACK } from "../support/own-loopback.ts";
import { shimsOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY, WorkerProcess } from "../support/worker-process.ts";

/** Those that were claimed on this link, which may be told a moment after their agents began. */
async function claimedOn(
  site: DirectSite,
  runs: readonly AgentRun[],
  link: number,
): Promise<readonly AgentRun[]> {
  const claims = runs.map((run) =>
    site.plane.waitForFrame(({ taskId, type }) => taskId === taskIdOf(run) && type === "task_claimed"),
  );
  const links = (await Promise.all(claims)).map(({ connection }) => connection);
  return runs.filter((_, at) => links[at] === link);
}

function reportedOn(site: DirectSite, runs: readonly AgentRun[]): (readonly number[])[] {
  return runs.map((run) => site.plane.terminalsOf(taskIdOf(run)).map(({ connection }) => connection));
}

const STILL_RUNNING = "another execution of this task is still running";

/** So that the control plane keeps it, and the one that runs tells how it ended. */
async function rejectionOf(plane: ControlPlane, taskId: string): Promise<unknown> {
  const isAnswer = (frame: Frame) => frame.taskId === taskId && frame.type === "task_rejected";
  return (await plane.waitForFrame(isAnswer)).data["reason"];
}

const takenOver = (log: string) => log.match(/task taken over from an earlier daemon/g)?.length ?? 0;

describe("two daemons of one worker id", () => {
  test("one killed and not restarted, a third started: every task is reported once, the living one's by itself", async () => {
    await using site = await DirectSite.create();
    await using dying = await site.start();
    await using living = await site.start();
    const runs = await site.hold(10);
    const ofTheDying = await claimedOn(site, runs, 1);
    const ofTheLiving = await claimedOn(site, runs, 2);
    expect([ofTheDying.length, ofTheLiving.length]).toEqual([5, 5]);
    dying.kill("SIGKILL");
    await dying.exited;
    await site.plane.waitForOpenLinks(1);
    await using third = await site.start();
    expect(takenOver(third.stderr)).toBe(5);
    for (const run of runs) {
      expect(run.alive.length).toBeGreaterThan(0);
      run.release();
    }
    await site.plane.waitForAllTasks();
    expect(reportedOn(site, ofTheDying)).toEqual(ofTheDying.map(() => [3]));
    expect(reportedOn(site, ofTheLiving)).toEqual(ofTheLiving.map(() => [2]));
    expect(site.plane.tasks().every(({ state }) => state === "completed")).toBe(true);
    expect(runs.map((run) => site.agent.runs(taskIdOf(run)).length)).toEqual(runs.map(() => 1));
    expect(living.running).toBe(true);
    expect(takenOver(living.stderr)).toBe(0);
  });

  test("both killed, one started: it takes over what both left, and one more takes nothing", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    await using second = await site.start();
    const runs = await site.hold(6, { AGENT_EXIT: "4" });
    await site.plane.goDown();
    const [unreported] = runs;
    if (!unreported) throw new Error("tasks were asked for");
    unreported.release();
    const noted = new RegExp(`task failed .*${taskIdOf(unreported)}`);
    await Promise.any([first.waitForLog(noted), second.waitForLog(noted)]);
    for (const worker of [first, second]) worker.kill("SIGKILL");
    await Promise.all([first.exited, second.exited]);
    await site.plane.comeUp();
    await using heir = await site.start();
    await using late = await site.start();
    expect([takenOver(heir.stderr), takenOver(late.stderr)]).toEqual([5, 0]);
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    expect(reportedOn(site, runs)).toEqual(runs.map(() => [3]));
    expect(runs.map((run) => site.plane.task(taskIdOf(run))?.exitCode)).toEqual(runs.map(() => 4));
    expect(late.running).toBe(true);
  });

  test("one stopped: the other's tasks and workspaces stay untouched", async () => {
    await using site = await DirectSite.create();
    await using stopping = await site.start();
    await using _staying = await site.start();
    const runs = await site.hold(4);
    const others = await claimedOn(site, runs, 2);
    expect(await stopping.stop()).toBe(0);
    for (const run of others) {
      expect(run.alive.length).toBeGreaterThan(0);
      expect(await Bun.file(`${run.cwd}/.`).stat()).toMatchObject({});
      run.release();
      expect((await site.plane.waitForTask(taskIdOf(run))).state).toBe("completed");
    }
    expect(
      site.plane.tasks().filter(({ failureReason }) => failureReason === "graceful_shutdown"),
    ).toHaveLength(2);
  });

  test("started at the same moment on what a dead one left share it without doubling it", async () => {
    await using site = await DirectSite.create();
    await using first = await site.start();
    const runs = await site.hold(5);
    first.kill("SIGKILL");
    await first.exited;
    const heirs = await Promise.all([site.start(), site.start(), site.start()]);
    await using one = heirs[0];
    await using two = heirs[1];
    await using three = heirs[2];
    expect([one, two, three].map(({ stderr }) => takenOver(stderr)).sort()).toEqual([0, 0, 5]);
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    expect(runs.map((run) => site.terminals(taskIdOf(run)).length)).toEqual([1, 1, 1, 1, 1]);
    const { state } = await site.run(assignment());
    expect(state).toBe("completed");
  });
});

test("daemons of different worker ids share a state folder and nothing in it", async () => {
  await using site = await DirectSite.create();
  await using first = await site.start();
  const [run] = await site.hold(1);
  first.kill("SIGKILL");
  await first.exited;
  await using other = await site.start({ top: { worker_id: "somebody/else" } });
  expect(takenOver(other.stderr)).toBe(0);
  await using own = await site.start();
  expect(takenOver(own.stderr)).toBe(1);
  run?.release();
  await site.plane.waitForAllTasks();
  expect(reportedOn(site, run ? [run] : [])).toEqual([[3]]);
});

// The second once ran in the first one's folder; the first agent's end killed the second's and took the folder.
test("a task that runs in one daemon and is given to its sibling is turned down there, and the one that runs is not touched", async () => {
  await using site = await DirectSite.create();
  await using other = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: TEST_API_KEY });
  const noted = site.dir.join("teardown");
  const direct = { teardown_command: `echo "$OZ_RUN_ID" >>'${noted}'` };
  await using _first = await site.start({ direct });
  await using second = await WorkerProcess.start({
    plane: other,
    config: site.config({}, direct),
    stateDir: site.stateDir,
  });
  await second.waitForLog(/worker ready/);
  const task = assignment({ env: { AGENT_HOLD: "1" } });
  const [run] = await site.holdAll([task]);
  other.submit({ ...task, execution_id: "another" });
  expect(await rejectionOf(other, task.task_id)).toBe(STILL_RUNNING);
  expect(existsSync(noted)).toBe(false);
  expect(run?.alive.length).toBeGreaterThan(0);
  expect(existsSync(run?.cwd ?? "")).toBe(true);
  expect(site.agent.runs(task.task_id)).toHaveLength(1);
  run?.release();
  expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
});

/** But for the file that all claims of a worker are further names of. */
function claimsIn(site: DirectSite): string[] {
  return readdirSync(join(site.stateDir, WORKER_ID, "claims")).filter((name) => !name.includes("+"));
}

function exitsIn(site: DirectSite): string[] {
  return readdirSync(join(site.stateDir, WORKER_ID, "exits"));
}

interface Siblings extends AsyncDisposable {
  /** Of the second worker alone, as if the control plane had lost sight of the first. */
  readonly other: ControlPlane;
  readonly first: WorkerProcess;
  readonly second: WorkerProcess;
}

async function siblings(site: DirectSite, ...direct: [object, object]): Promise<Siblings> {
  const other = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: TEST_API_KEY });
  const first = await site.start({ direct: { ...direct[0] } });
  const second = await WorkerProcess.start({
    plane: other,
    config: site.config({}, { ...direct[1] }),
    stateDir: site.stateDir,
  });
  await second.waitForLog(/worker ready/);
  return {
    other,
    first,
    second,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
      await other.stop();
    },
  };
}

/** As a service manager kills what is left of a service. */
async function killWithAgent(site: DirectSite, worker: WorkerProcess, run: AgentRun | undefined) {
  const agents = run?.alive.map(({ pid }) => pid) ?? [];
  for (const pid of [...shimsOf(worker.pid), worker.pid, ...agents]) process.kill(pid, "SIGKILL");
  await worker.exited;
  await site.gone(...(run ? [run] : []));
}

/** A task that the first was killed with, agent and all, and the second has begun anew; its run there. */
async function begunAnew(site: DirectSite, two: Siblings, executionId?: string) {
  const task = assignment({ env: { AGENT_HOLD: "1" } });
  const [lost] = await site.holdAll([task]);
  await killWithAgent(site, two.first, lost);
  two.other.submit(executionId === undefined ? task : { ...task, execution_id: executionId });
  return { task, run: await site.agent.waitForStart(task.task_id, 2) };
}

// It was looked for an agent of the same folder alone: there is none yet, or it works somewhere else.
describe("a task that is given to a second daemon of the host", () => {
  const HELD = (dir: string, name: string) =>
    `: >'${dir}/${name}'; until [ -e '${dir}/go' ]; do sleep 0.02; done`;

  test.each(["setup_command", "teardown_command"])(
    "while the first runs its %s is turned down there, and runs once that is over",
    async (hook) => {
      await using site = await DirectSite.create();
      const direct = { [hook]: HELD(site.dir.path, "begun") };
      await using two = await siblings(site, direct, {});
      const task = assignment();
      site.plane.submit(task);
      await eventually(() => existsSync(site.dir.join("begun")), "the hook to begin");
      two.other.submit({ ...task, execution_id: "another" });
      expect(await rejectionOf(two.other, task.task_id)).toBe(STILL_RUNNING);
      // Before the hook may end: what was turned down is offered again, and may be had then.
      expect(two.other.task(task.task_id)?.claims).toBe(0);
      await site.dir.write("go", "");
      expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
      // That its end was read lets go of it.
      await eventually(() => claimsIn(site).length === 0, "the claim to be let go of");
      two.other.faults.send("task_assignment", { ...task, execution_id: "one more" });
      expect((await two.other.waitForTask(task.task_id, ["completed"])).state).toBe("completed");
    },
  );

  test.each([
    ["in the target folder of both", "target_dir"],
    ["with another root of workspaces", "workspace_root"],
  ])("while the first runs it %s is turned down there", async (_where, key) => {
    await using site = await DirectSite.create();
    const folder = await site.dir.mkdir("folder");
    const direct = { [key]: folder };
    await using two = await siblings(site, key === "target_dir" ? direct : {}, direct);
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    const [run] = await site.holdAll([task]);
    two.other.submit({ ...task, execution_id: "another" });
    expect(await rejectionOf(two.other, task.task_id)).toBe(STILL_RUNNING);
    expect(two.other.task(task.task_id)?.claims).toBe(0);
    run?.release();
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
  });

  // It ran twice, and was reported by both: the end in the first one's journal was nothing that the second could know of.
  test("because the first one's link went silent is turned down until the end there has been read", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    const [run] = await site.holdAll([task]);
    site.plane.faults.freeze();
    run?.release();
    await two.first.waitForLog(/task ended/);
    two.other.submit(task);
    expect(await rejectionOf(two.other, task.task_id)).toBe(STILL_RUNNING);
    // It offers a task that was turned down again and again, and never learns of this one's end.
    two.other.cancel(task.task_id);
    site.plane.faults.drop();
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
    await eventually(() => claimsIn(site).length === 0, "the claim to be let go of");
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
  });

  // The heir killed the second one's agent for the dead one's, and removed the folder under it. Later it left both alone,
  // and yet told the task as failed, by its id alone, while the second one ran it.
  test("after the first was killed runs there, and the first one's heir neither touches it nor reports it", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, { setup_command: HELD(site.dir.path, "begun") }, {});
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    site.plane.submit(task);
    await eventually(() => existsSync(site.dir.join("begun")), "the setup to begin");
    two.first.kill("SIGKILL");
    await two.first.exited;
    two.other.submit(task);
    const run = await site.agent.waitForStart(task.task_id);
    await using heir = await site.start();
    await heir.waitForLog(/another worker on this host has begun the task anew/);
    await heir.waitForLog(/task ended/);
    expect(run.alive.length).toBeGreaterThan(0);
    expect(existsSync(run.cwd)).toBe(true);
    run.release();
    expect((await two.other.waitForTask(task.task_id)).state).toBe("completed");
    await heir.stop();
    expect(site.terminals(task.task_id)).toEqual([]);
  });

  // By the order of their ids the first execution was seen to before or after the second: it ended that one's agent as its
  // own leftover, or its end that nobody knew was told after the true one.
  test.each(["0 is the lower id", "z is the higher id"])(
    "as another execution, after the first was killed with its agent, is what is reported when the second is killed: %s",
    async (executionId) => {
      await using site = await DirectSite.create();
      await using two = await siblings(site, {}, {});
      const { task, run: second } = await begunAnew(site, two, executionId);
      two.second.kill("SIGKILL");
      await two.second.exited;
      await using heir = await site.start();
      await heir.waitForLog(/task ended .*result=handed-off/);
      second.release();
      expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
      await heir.stop();
      expect([site.terminals(task.task_id).length, second.ended]).toEqual([1, true]);
    },
  );

  // The heir claimed it and left it at that, for it had left it to the second one: it hung for ever.
  test("after the first was killed runs in the first one's heir when the second was killed, too", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const { task, run: second } = await begunAnew(site, two);
    await using heir = await site.start();
    await heir.waitForLog(/task ended .*result=handed-off/);
    site.plane.faults.send("task_assignment", task);
    expect(await rejectionOf(site.plane, task.task_id)).toBe(STILL_RUNNING);
    await killWithAgent(site, two.second, second);
    site.plane.faults.send("task_assignment", task);
    const third = await site.agent.waitForStart(task.task_id, 3);
    third.release();
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
  });

  // Its own folder went, as it should, and the task was told as failed while the second one ran it.
  test.each([
    ["in the target folder of both", "target_dir"],
    ["with another root of workspaces", "workspace_root"],
  ])(
    "after the first was killed with its agent, and runs it %s, is that one's to report",
    async (_where, key) => {
      await using site = await DirectSite.create();
      const direct = { [key]: await site.dir.mkdir("folder") };
      const ofFirst = key === "target_dir" ? direct : {};
      await using two = await siblings(site, ofFirst, direct);
      const { task, run: second } = await begunAnew(site, two);
      await using heir = await site.start({ direct: ofFirst });
      await heir.waitForLog(/task ended .*result=handed-off/);
      expect(readdirSync(site.workspaceRoot)).toEqual([]);
      second.release();
      expect((await two.other.waitForTask(task.task_id)).state).toBe("completed");
      await heir.stop();
      expect(site.terminals(task.task_id)).toEqual([]);
    },
  );

  // By the heir's journal it was somebody else's, and by the second one's it had been begun before that: nobody reported it.
  test("after the first was killed is seen through although the first one's heir and the second are killed, too", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const { task, run: second } = await begunAnew(site, two);
    await using heir = await site.start();
    await heir.waitForLog(/task ended .*result=handed-off/);
    for (const worker of [heir, two.second]) worker.kill("SIGKILL");
    await Promise.all([heir.exited, two.second.exited]);
    await using _last = await site.start();
    second.release();
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
    expect(second.ended).toBe(true);
  });

  // It was claimed and reported as failed, and the heir reported the agent's true end after that.
  test("after the first was killed, and its agent goes on, is turned down there", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const task = assignment({ env: { AGENT_HOLD: "1", AGENT_EXIT: "3" } });
    const [run] = await site.holdAll([task]);
    two.first.kill("SIGKILL");
    await two.first.exited;
    two.other.submit(task);
    expect(await rejectionOf(two.other, task.task_id)).toBe(STILL_RUNNING);
    expect(two.other.task(task.task_id)?.claims).toBe(0);
    two.other.cancel(task.task_id);
    await using _heir = await site.start();
    run?.release();
    const { exitCode, terminals } = await site.plane.waitForTask(task.task_id);
    expect({ exitCode, terminals }).toEqual({ exitCode: 3, terminals: 1 });
    expect(site.agent.runs(task.task_id)).toHaveLength(1);
  });

  // The heir of both knew it by the first one's words: for that one's leftover it killed the agent of the second.
  test("after the first was killed with its agent, is seen through when the second is killed too", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const { task, run } = await begunAnew(site, two);
    two.second.kill("SIGKILL");
    await two.second.exited;
    await using _heir = await site.start();
    run.release();
    const { state, terminals } = await site.plane.waitForTask(task.task_id);
    expect({ state, terminals, ended: run.ended }).toEqual({ state: "completed", terminals: 1, ended: true });
  });

  // `pkill -9` of the program's name: the agent's parent was gone with the first one, and it was taken for a leftover.
  test("after the first was killed with its shim, and its agent goes on, is turned down there", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    const [run] = await site.holdAll([task]);
    for (const pid of [...shimsOf(two.first.pid), two.first.pid]) process.kill(pid, "SIGKILL");
    await two.first.exited;
    two.other.submit(task);
    expect(await rejectionOf(two.other, task.task_id)).toBe(STILL_RUNNING);
    expect(two.other.task(task.task_id)?.claims).toBe(0);
    run?.release();
    (await site.agent.waitForStart(task.task_id, 2)).release();
    expect((await two.other.waitForTask(task.task_id, ["completed"])).state).toBe("completed");
  });

  // The one that has the folder now was stopped before it had an agent, and the other left what was there to it.
  test("after the first was killed, and its agent left something running, is begun once that is ended", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const task = assignment({ env: { AGENT_HOLD: "1", AGENT_GRANDCHILD: "1" } });
    const [left] = await site.holdAll([task]);
    const agent = left?.alive.find(({ label }) => label === "self")?.pid ?? 0;
    for (const pid of [...shimsOf(two.first.pid), two.first.pid, agent]) process.kill(pid, "SIGKILL");
    await two.first.exited;
    await eventually(() => left?.alive.length === 2, "the agent to end, and not what it left");
    two.other.submit({ ...task, env_vars: { AGENT_HOLD: "1" } });
    const run = await site.agent.waitForStart(task.task_id, 2);
    expect(left?.alive).toEqual([]);
    run.release();
    expect((await two.other.waitForTask(task.task_id)).state).toBe("completed");
  });

  // It was told as failed, and safe to retry, after it had been told as completed: its claim went when that was read.
  test("after the first was killed, and has ended there, is not told of by the first one's heir", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const { task, run } = await begunAnew(site, two);
    run.release();
    expect((await two.other.waitForTask(task.task_id)).state).toBe("completed");
    await eventually(() => claimsIn(site).length === 0, "the claim to be let go of");
    await using heir = await site.start();
    await heir.waitForLog(/task ended .*result=handed-off/);
    await heir.stop();
    expect(site.terminals(task.task_id)).toEqual([]);
  });

  test("after the first was killed, and its agent had ended, does not cost the first one's end", async () => {
    await using site = await DirectSite.create();
    await using two = await siblings(site, {}, {});
    const task = assignment({ env: { AGENT_HOLD: "1", AGENT_EXIT: "3" } });
    const [ended] = await site.holdAll([task]);
    two.first.kill("SIGKILL");
    await two.first.exited;
    ended?.release();
    await site.gone(...(ended ? [ended] : []));
    two.other.submit({ ...task, env_vars: { AGENT_HOLD: "1" }, execution_id: "another" });
    const run = await eventually(() => site.agent.runs(task.task_id)[1], "the second one's agent");
    await using _heir = await site.start();
    const { failureReason, exitCode, terminals } = await site.plane.waitForTask(task.task_id);
    expect({ failureReason, exitCode, terminals }).toEqual({
      failureReason: "agent_invocation",
      exitCode: 3,
      terminals: 1,
    });
    expect(run.alive.length).toBeGreaterThan(0);
    expect(existsSync(run.cwd)).toBe(true);
    // It once stayed for a week.
    await eventually(
      () => exitsIn(site).length === 0,
      "what was written down of the first one's agent to go",
    );
    run.release();
    expect((await two.other.waitForTask(task.task_id)).state).toBe("completed");
  });
});
