/** What the agent is given and what the server is told, to the letter: the contract with both ends. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync } from "node:fs";
import { copyFile, rm, stat } from "node:fs/promises";
import { readProcess } from "../../src/process/process-table.ts";
import { setups, cases as table } from "../fixtures/assignments.json";
import { assignment } from "../support/assignments.ts";
import { DirectSite, WORKER_ID } from "../support/direct-site.ts";
import type { AgentRun } from "../support/fake-agent.ts";
import { CAN_OBEY, OBEYING } from "../support/permissions.ts";
import { eventually } from "../support/wait.ts";
import { UNPRIVILEGED, workerCommand } from "../support/worker-process.ts";

interface SetUp {
  readonly flags: readonly string[];
  readonly server: string;
  readonly idle: string | null;
  readonly tail: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Case {
  readonly name: string;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly task?: Readonly<Record<string, unknown>>;
  readonly argv: readonly unknown[];
  readonly team?: boolean;
  readonly idle?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const cases: readonly Case[] = table as readonly Case[];
/** What a worker needs to run anything at all. */
const UNSAID = ["PATH", "HOME", "TMPDIR", "PWD"];
const OPERATOR = { environment: [{ name: "FROM_CONFIG", value: "cfg" }, { name: "PASSED" }] };
const WORKER_ENV = { PASSED: "through", PASSED_CLI: "through-cli", OF_THE_WORKER: "secret", LANG: "xx" };

function assignmentOf({ more = {}, task = {} }: Case) {
  const whole = assignment({ more });
  return { ...whole, task: { ...(whole["task"] as object), ...task } };
}

function expectedOf(each: Case, setUp: SetUp, taskId: string, workspace: string) {
  const idle = each.idle ?? setUp.idle;
  const builtIn = {
    TASK_ID: taskId,
    GIT_TERMINAL_PROMPT: "0",
    GH_PROMPT_DISABLED: "1",
    WARP_SERVER_ROOT_URL: setUp.server,
    GIT_CONFIG_GLOBAL: `${workspace}/.gitconfig`,
  };
  const own = Object.entries(each.env ?? {}).map(([name, value]) => [name, value.replace("<ws>", workspace)]);
  return {
    argv: [
      ...["agent", "run", ...(each.team ? ["--share", "team:edit"] : [])],
      ...["--task-id", taskId, "--sandboxed", "--server-root-url", setUp.server],
      ...each.argv,
      ...["--idle-on-complete", ...(idle === null ? [] : [idle]), ...setUp.tail],
    ],
    env: { ...builtIn, ...setUp.env, ...Object.fromEntries(own) },
    cwd: workspace,
    messages: [
      { type: "task_claimed", data: { task_id: taskId, worker_id: WORKER_ID } },
      { type: "task_completed", data: { task_id: taskId, message: "Task completed successfully" } },
    ],
  };
}

/** The text after --mcp as data: the order of its keys is nobody's contract. */
function argvOf(run: AgentRun): unknown[] {
  return run.argv.map((word, index) => (run.argv[index - 1] === "--mcp" ? JSON.parse(word) : word));
}

function environmentOf(run: AgentRun, asked: Readonly<Record<string, string>>) {
  const entries = Object.entries(run.env);
  return Object.fromEntries(entries.filter(([name]) => !UNSAID.includes(name) || name in asked));
}

describe.each(Object.entries(setups as Record<string, SetUp>))("in the set-up %s", (_name, setUp) => {
  test(`${cases.length} assignments give the agent's argv and environment, and the messages, to the letter`, async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ flags: setUp.flags, direct: OPERATOR, env: WORKER_ENV });
    const submitted = cases.map((each) => ({ each, task: site.plane.submit(assignmentOf(each)) }));
    const observed: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const { each, task } of submitted) {
      await site.plane.waitForTask(task.taskId);
      const runs = site.agent.runs(task.taskId).map((run) => ({
        argv: argvOf(run),
        env: environmentOf(run, each.env ?? {}),
        cwd: run.cwd,
        messages: site.messages(task.taskId),
      }));
      observed[each.name] = runs;
      expected[each.name] = [expectedOf(each, setUp, task.taskId, `${site.workspaceRoot}/${task.taskId}`)];
    }
    expect(observed).toEqual(expected);
  });
});

describe("a workspace", () => {
  test("is the owner's alone, has the harness's folder, and goes with its task", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const held = { AGENT_HOLD: "1" };
    const tasks = ["claude", "codex"].map((type) =>
      assignment({ env: held, snapshot: { harness: { type } } }),
    );
    const runs = await site.holdAll(tasks);
    for (const [index, folder] of [".claude", ".codex"].entries()) {
      const workspace = runs[index]?.cwd ?? "";
      expect(workspace).toBe(site.dir.join("ws", tasks[index]?.task_id ?? ""));
      expect((await stat(workspace)).mode & 0o777).toBe(0o700);
      expect((await stat(`${workspace}/${folder}`)).isDirectory()).toBe(true);
    }
    for (const run of runs) run.release();
    await site.plane.waitForAllTasks();
    for (const run of runs) await expect(stat(run.cwd)).rejects.toThrow("ENOENT");
  });

  test("is the target folder when there is one, which keeps what is in it and gets no .gitconfig", async () => {
    await using site = await DirectSite.create();
    const target = await site.dir.mkdir("target");
    const file = await site.dir.write("target/README", "ours");
    await using _worker = await site.start({ flags: ["--target-dir", target] });
    const [run] = await site.hold(1);
    const gitConfig = run?.env["GIT_CONFIG_GLOBAL"] ?? "";
    expect(run?.cwd).toBe(target);
    expect(gitConfig.startsWith(target)).toBe(false);
    const privateFolder = gitConfig.replace(/\/\.gitconfig$/, "");
    expect((await stat(privateFolder)).mode & 0o777).toBe(0o700);
    run?.release();
    await site.plane.waitForAllTasks();
    expect(await Bun.file(file).text()).toBe("ours");
    await expect(stat(privateFolder)).rejects.toThrow("ENOENT");
  });

  // Once it stayed for ever: Go's module cache has such folders, and only root may change them all the same.
  test("goes although the agent left folders in it that may not be changed", async () => {
    await using site = await DirectSite.create();
    const agent = await site.dir.write(
      "agent.sh",
      "#!/bin/sh\nmkdir -p mod/a/b; touch mod/a/b/f; ln -s /etc mod/link; chmod -R a-w mod; chmod 000 mod/a/b\n",
      0o755,
    );
    await using _worker = await site.start({
      direct: { oz_path: agent },
      command: [...UNPRIVILEGED, ...workerCommand()],
    });
    expect((await site.run(assignment())).state).toBe("completed");
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });

  // Once it was "unknown", as if nobody could have foreseen it.
  test("in which the harness's folder cannot be made fails as what it is", async () => {
    await using site = await DirectSite.create();
    const target = await site.dir.mkdir("target");
    await site.dir.write("target/.claude", "a file");
    await using _worker = await site.start({ flags: ["--target-dir", target] });
    const task = assignment({ snapshot: { harness: { type: "claude" } } });
    expect(await site.run(task)).toMatchObject({ state: "failed", failureReason: "workspace_setup" });
    expect(site.terminals(task.task_id)[0]?.data["message"]).toContain(`${target}/.claude`);
    expect(site.agent.runs(task.task_id)).toEqual([]);
  });

  // The system names the agent in its refusal, which once was blamed for it.
  test.skipIf(!CAN_OBEY)("whose folder may not be entered fails for its folder", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start({ command: [...OBEYING, ...workerCommand()] });
    const task = assignment();
    chmodSync(await site.dir.mkdir(`ws/${task.task_id}`), 0o600);
    expect(await site.run(task)).toMatchObject({ state: "failed", failureReason: "workspace_setup" });
    const message = expect.stringMatching(/cannot work in the folder .*: EACCES/);
    expect(site.terminals(task.task_id)[0]?.data).toMatchObject({ message });
  });

  // Once a field that only other backends have a use for cost the task.
  test("needs no image, so one that is not understood costs nothing", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const task = { ...assignment(), docker_image: 7, additional_sidecars: [null] };
    site.plane.faults.send("task_assignment", task, 1);
    await worker.waitForLog(/fields of an assignment were not understood .*fields=docker_image/);
    await worker.waitForLog(/task ended .*result=completed/);
  });
});

describe("variables of the command line", () => {
  test("have every form of -e, and the last of a name wins", async () => {
    await using site = await DirectSite.create();
    const flags = ["-e", "A=1", "--env", "B=x=y", "--env=C=", "-e", "NOT_SET", "-e", "HAS_ONE", "-eD=short"];
    flags.push("-e", "E=$HOME `id`\n\"'", "--env=A=2", "-e=F=equals");
    await using _worker = await site.start({ flags, env: { HAS_ONE: "of the worker" } });
    const { taskId } = await site.run(assignment());
    const { A, B, C, D, E, F, NOT_SET, HAS_ONE } = site.agent.runs(taskId)[0]?.env ?? {};
    expect({ A, B, C, D, E, F, NOT_SET, HAS_ONE }).toEqual({
      A: "2",
      B: "x=y",
      C: "",
      D: "short",
      E: "$HOME `id`\n\"'",
      F: "equals",
      NOT_SET: "",
      HAS_ONE: "of the worker",
    });
  });
});

describe("an agent that fails", () => {
  test.each([
    ["exits with 7", { AGENT_EXIT: "7" }, 7],
    ["exits with 143 by itself", { AGENT_EXIT: "143" }, 143],
    ["is killed", { AGENT_SIGNAL: "KILL" }, 137],
    ["is interrupted", { AGENT_SIGNAL: "INT" }, 130],
  ])("and %s is reported with its exit status", async (_how, env, exitCode) => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const { taskId } = await site.run(assignment({ env }));
    expect(site.messages(taskId)).toEqual([
      { type: "task_claimed", data: { task_id: taskId, worker_id: WORKER_ID } },
      {
        type: "task_failed",
        data: {
          task_id: taskId,
          message: expect.stringMatching(/^Failed to execute task: .+/),
          failure_reason: "agent_invocation",
          exit_code: exitCode,
        },
      },
    ]);
  });

  test("to start at all is reported without an exit status", async () => {
    await using site = await DirectSite.create();
    const oz_path = await site.dir.write("not-a-program", "\0\0\0", 0o755);
    await using _worker = await site.start({ direct: { oz_path } });
    const { taskId } = await site.run(assignment());
    const [terminal, ...more] = site.terminals(taskId);
    expect(more).toEqual([]);
    expect(terminal?.data).toEqual({
      task_id: taskId,
      message: expect.stringMatching(/^Failed to execute task: cannot start .*not-a-program/),
      failure_reason: "agent_invocation",
    });
  });

  test("because its environment is larger than the system allows is reported, and the next one runs", async () => {
    await using site = await DirectSite.create();
    await using _worker = await site.start();
    const task = await site.run(assignment({ env: { LARGE: "x".repeat(256 * 1024) } }));
    expect([task.failureReason, task.exitCode]).toEqual(["agent_invocation", null]);
    expect(task.message).toMatch(/^Failed to execute task: cannot start /);
    expect(task.message?.length).toBeLessThan(1_000);
    expect((await site.run(assignment())).state).toBe("completed");
  });
});

test("an agent that ends by itself leaves nothing running in its process group", async () => {
  await using site = await DirectSite.create();
  await using _worker = await site.start();
  const { taskId, state } = await site.run(assignment({ env: { AGENT_GRANDCHILD: "1" } }));
  expect(state).toBe("completed");
  expect(site.agent.runs(taskId).flatMap((run) => run.alive)).toEqual([]);
});

// Once: after an agent of less than a second nobody looked, for a look takes longer than such an agent.
test.each(["0", "3"])(
  "what a short agent that exits with %s left in a session of its own is ended",
  async (status) => {
    await using site = await DirectSite.create();
    const pidFile = site.dir.join("pid");
    const agent = await site.dir.write(
      "leaver",
      `#!/bin/sh\nsetsid sh -c 'echo $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000' >/dev/null 2>&1 &\nuntil [ -e ${pidFile} ]; do sleep 0.01; done\nexit ${status}\n`,
      0o755,
    );
    await using _worker = await site.start({ direct: { oz_path: agent } });
    await site.run(assignment());
    const pid = Number(await Bun.file(pidFile).text());
    await eventually(() => readProcess(pid)?.zombie ?? true, "what the agent left to end");
  },
);

test("an upgrade that replaces the executable under a running worker costs no task", async () => {
  await using site = await DirectSite.create();
  const [executable = "", ...more] = workerCommand();
  const copy = site.dir.join("oz-agent-worker");
  await copyFile(executable, copy);
  await using _worker = await site.start({ command: [copy, ...more] });
  await rm(copy);
  await site.dir.write("oz-agent-worker", "#!/bin/sh\nexit 9\n", 0o755);
  expect((await site.run(assignment())).state).toBe("completed");
});
