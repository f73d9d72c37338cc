/**
 * A daemon killed after it asked its shim for an agent and before it heard of it. That moment is a few
 * milliseconds long, unless the shim is kept from working: then it lasts as long as a test wants.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { Assignment } from "../../src/dev/assignment-of.ts";
import { readEnvironment } from "../../src/process/process-table.ts";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { shimOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";

/** Disposed of, it never leaves a stopped shim behind. */
interface HalfStarted extends Disposable {
  readonly task: Assignment;
  /** Lets the shim go on, now an orphan with a request that it has not read. */
  readonly goOn: () => void;
  /** The shim has nothing left to do and has ended. */
  readonly over: () => Promise<void>;
}

async function killHalfWay(site: DirectSite, flags: readonly string[] = []): Promise<HalfStarted> {
  await using first = await site.start({ flags });
  await site.run(assignment());
  const shim = shimOf(first.pid);
  const task = assignment({ env: { AGENT_HOLD: "1" } });
  process.kill(shim, "SIGSTOP");
  site.plane.submit(task);
  await site.plane.waitForTask(task.task_id, ["claimed"]);
  // The workspace, or with a target folder the private one: made right before the agent is asked for.
  const made = () => [...readdirSync(site.workspaceRoot), ...readdirSync(first.dir.join("tmp"))];
  await eventually(() => made().length > 0, "the task's folder");
  first.kill("SIGKILL");
  await first.exited;
  const tell = (signal: "SIGCONT" | 0) => {
    try {
      return process.kill(shim, signal);
    } catch {
      return false; // it has ended
    }
  };
  return {
    task,
    goOn: () => void tell("SIGCONT"),
    over: async () => void (await eventually(() => !tell(0), "the shim to end")),
    [Symbol.dispose]: () => void tell("SIGCONT"),
  };
}

describe("an agent that its daemon never heard of", () => {
  test("is found and reported by the next daemon, or was never started and is reported as safe to retry", async () => {
    await using site = await DirectSite.create();
    using left = await killHalfWay(site);
    const { task, goOn, over } = left;
    goOn();
    // Whether the shim still starts it is a matter of what it reads first.
    const begun = site.agent.waitForStart(task.task_id).then((run) => run.release());
    await using _second = await site.start();
    const { state, failureReason, message, terminals } = await site.plane.waitForTask(task.task_id);
    expect(terminals).toBe(1);
    if (state === "completed") await begun;
    else {
      expect(failureReason).toBe("unknown");
      expect(message).toContain("safe to retry");
      begun.catch(() => {});
    }
    await over();
    expect(site.agent.runs(task.task_id).flatMap((run) => run.alive)).toEqual([]);
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });

  test.each([
    ["a workspace of its own", []],
    ["the target folder", ["--target-dir", "/tmp"]],
  ])("is not started any more in %s once the task was reported as safe to retry", async (_where, flags) => {
    await using site = await DirectSite.create();
    using left = await killHalfWay(site, flags);
    const { task, goOn, over } = left;
    await using _second = await site.start({ flags });
    const { message } = await site.plane.waitForTask(task.task_id);
    expect(message).toContain("safe to retry");
    goOn();
    await Promise.race([over(), site.agent.waitForStart(task.task_id).catch(() => {})]);
    expect(site.agent.runs(task.task_id).map(({ alive }) => alive)).toEqual([]);
  });
});

/** Ends the shim that started it before that can tell of it, most often, and would then work on for a while. */
const KILLS_ITS_SHIM = `#!/bin/sh
kill -KILL $PPID
: > "$TASK_ID.began"
sleep 3
: > "$TASK_ID.worked-on"
`;

// The task was reported as failed, and its agent went on: with the task given to somebody else, a second one beside it.
test("an agent whose shim is killed before it could tell of it does not work on after the report", async () => {
  await using site = await DirectSite.create();
  const folder = await site.dir.mkdir("target");
  const oz = await site.dir.write("kills-its-shim", KILLS_ITS_SHIM, 0o755);
  await using _worker = await site.start({ direct: { oz_path: oz, target_dir: folder } });
  let unheard = 0;
  for (let tries = 0; tries < 10 && unheard < 2; tries++) {
    const task = assignment();
    const { failureReason, message, terminals } = await site.run(task);
    expect({ failureReason, terminals }).toEqual({ failureReason: "agent_invocation", terminals: 1 });
    if (message?.includes("its exit status is not known")) continue;
    unheard += 1;
    expect(message).toContain("the process that supervises the agents was killed");
    const marked = (pid: string) =>
      readEnvironment(Number(pid))?.includes(`TASK_ID=${task.task_id}`) === true;
    expect(readdirSync("/proc").filter(marked)).toEqual([]);
  }
  expect(unheard).toBeGreaterThan(0);
}, 60_000);

// Each was reported as a failure to start what nobody wanted any more: agent_invocation, setup_command.
test.each([
  ["agent", {}],
  ["setup_command", { setup_command: "true" }],
])(
  "a task that was cancelled before the shim of its %s was killed is reported as cancelled",
  async (_what, direct) => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ direct });
    await site.run(assignment());
    const shim = shimOf(worker.pid);
    process.kill(shim, "SIGSTOP");
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    site.plane.submit(task);
    await eventually(() => readdirSync(site.workspaceRoot).includes(task.task_id), "the task's folder");
    site.plane.cancel(task.task_id);
    await worker.waitForLog(new RegExp(`task cancellation requested .*${task.task_id}`));
    process.kill(shim, "SIGKILL");
    const { state, message, terminals } = await site.plane.waitForTask(task.task_id);
    expect({ state, message, terminals }).toEqual({
      state: "cancelled",
      message: "Task cancelled by user request.",
      terminals: 1,
    });
  },
);

/** Of each task's hooks the first, with nothing but what the shell itself does before. */
const KILLS_SHIM_ONCE = 'f="DIR/$OZ_RUN_ID"; [ -e "$f" ] || { : >"$f"; kill -KILL $PPID; exec sleep 3; }';

// The workspace was removed under it, and teardown_command ran a second time beside itself.
test.each(["setup_command", "teardown_command"])(
  "a %s whose shim is killed does not work on beside what follows it",
  async (name) => {
    await using site = await DirectSite.create();
    const hook = `${KILLS_SHIM_ONCE.replace("DIR", site.dir.path)}; exit 0`;
    await using _worker = await site.start({ direct: { [name]: hook } });
    for (let tries = 0; tries < 5; tries++) {
      const task = assignment();
      const { state, terminals } = await site.run(task);
      const wanted = name === "setup_command" ? "failed" : "completed";
      expect({ state, terminals }).toEqual({ state: wanted, terminals: 1 });
      const marked = (pid: string) =>
        readEnvironment(Number(pid))?.includes(`OZ_RUN_ID=${task.task_id}`) === true;
      expect(readdirSync("/proc").filter(marked)).toEqual([]);
    }
  },
  60_000,
);

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

test("what setup_command left running outlives a teardown_command whose shim is killed", async () => {
  await using site = await DirectSite.create();
  const service = `${site.dir.path}/service`;
  const setup_command = `sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >"${service}"`;
  const teardown_command = `${KILLS_SHIM_ONCE.replace("DIR", site.dir.path)}; grep -q sleep "/proc/$(cat "${service}")/cmdline" && : >"${service}.lived"; kill "$(cat "${service}")"`;
  await using _worker = await site.start({ direct: { setup_command, teardown_command } });
  const lived = () => readdirSync(site.dir.path).includes("service.lived");
  // One that was heard of has had its only run.
  for (let tries = 0; tries < 10 && !lived(); tries++) {
    const { state, terminals } = await site.run(assignment());
    expect({ state, terminals }).toEqual({ state: "completed", terminals: 1 });
    // One that goes on beyond its task's report ends it, too.
    if (!lived()) killIfThere(Number(readFileSync(service, "utf8")));
  }
  expect(lived()).toBeTrue();
}, 60_000);
