/** setup_command and teardown_command: what they are given, and what they change for the task. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY, UNPRIVILEGED, workerCommand } from "../support/worker-process.ts";

function environmentIn(file: string): Record<string, string> {
  const entries = readFileSync(file, "utf8").split("\0").slice(0, -1);
  return Object.fromEntries(entries.map((entry) => [entry.split("=", 1)[0], entry.replace(/^[^=]*=/, "")]));
}

describe("setup_command", () => {
  test("gets the worker's whole environment, the task's over it, and its own variables", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("setup.env");
    await using _worker = await site.start({
      direct: {
        setup_command: `env -0 >'${note}'; pwd >'${note}.cwd'`,
        environment: [{ name: "BOTH", value: "of the task" }],
      },
      env: { OF_THE_WORKER: "w", BOTH: "of the worker", BUN_MARK: "bun" },
    });
    const { taskId } = await site.run(assignment({ env: { OF_THE_TASK: "t" } }));
    const workspace = `${site.workspaceRoot}/${taskId}`;
    expect(environmentIn(note)).toMatchObject({
      WARP_API_KEY: TEST_API_KEY,
      OF_THE_WORKER: "w",
      OF_THE_TASK: "t",
      BOTH: "of the task",
      TASK_ID: taskId,
      GIT_TERMINAL_PROMPT: "0",
      GH_PROMPT_DISABLED: "1",
      WARP_SERVER_ROOT_URL: "https://app.warp.dev",
      OZ_WORKSPACE_ROOT: workspace,
      OZ_WORKER_BACKEND: "direct",
      OZ_RUN_ID: taskId,
      OZ_ENVIRONMENT_FILE: expect.stringMatching(/^\/.+/),
    });
    expect(environmentIn(note)).not.toHaveProperty("BUN_MARK");
    expect(readFileSync(`${note}.cwd`, "utf8").trim()).toBe(workspace);
    const agent = site.agent.runs(taskId)[0]?.env ?? {};
    expect(agent["BOTH"]).toBe("of the task");
    for (const name of ["OF_THE_WORKER", "WARP_API_KEY", "OZ_ENVIRONMENT_FILE"]) {
      expect(agent).not.toHaveProperty(name);
    }
  });

  test("adds to the agent's environment what it writes in dotenv form, GIT_CONFIG_GLOBAL excepted", async () => {
    await using site = await DirectSite.create();
    const lines = [
      "# a comment",
      "PLAIN=1",
      "export EXPORTED=2",
      'DOUBLE="two words # no comment"',
      "SINGLE='$HOME `id`'",
      "TRAILED=value # a comment",
      "EMPTY=",
      'LINES="one\ntwo"',
      'ESCAPED="one\\ntwo"',
      "SPACED = around ",
      "EQUALS=a=b=c",
      "UNEXPANDED=$PLAIN",
      "TASK=from setup",
      "OPERATOR=from setup",
      "CLAUDE_CONFIG_DIR=/elsewhere",
      "GIT_CONFIG_GLOBAL=/etc/gitconfig",
    ];
    const script = await site.dir.write("lines.env", `${lines.join("\n")}\n`);
    await using _worker = await site.start({
      direct: {
        setup_command: `cat '${script}' >>"$OZ_ENVIRONMENT_FILE"`,
        environment: [{ name: "OPERATOR", value: "from the file" }],
      },
    });
    const task = assignment({ env: { TASK: "from the task" }, snapshot: { harness: { type: "claude" } } });
    const { taskId } = await site.run(task);
    const agent = site.agent.runs(taskId)[0]?.env;
    expect(agent).toMatchObject({
      PLAIN: "1",
      EXPORTED: "2",
      DOUBLE: "two words # no comment",
      SINGLE: "$HOME `id`",
      TRAILED: "value",
      EMPTY: "",
      LINES: "one\ntwo",
      ESCAPED: "one\ntwo",
      SPACED: "around",
      EQUALS: "a=b=c",
      UNEXPANDED: "$PLAIN",
      TASK: "from setup",
      OPERATOR: "from setup",
      CLAUDE_CONFIG_DIR: "/elsewhere",
      GIT_CONFIG_GLOBAL: `${site.workspaceRoot}/${taskId}/.gitconfig`,
    });
  });

  // It was told of a path below its own folder, where there was none.
  test("finds its environment file where the worker's TMPDIR is a relative one, too", async () => {
    await using site = await DirectSite.create();
    const direct = { setup_command: 'echo OF_SETUP=1 >>"$OZ_ENVIRONMENT_FILE"' };
    await using _worker = await site.start({ direct, env: { TMPDIR: "tmp" } });
    const { taskId, state } = await site.run(assignment());
    expect([state, site.agent.runs(taskId)[0]?.env["OF_SETUP"]]).toEqual(["completed", "1"]);
  });

  test("that fails ends the task before its agent starts, and teardown still runs", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("teardown");
    const direct = { setup_command: "exit 9", teardown_command: `echo "$OZ_RUN_ID" >'${note}'` };
    await using _worker = await site.start({ direct });
    const { taskId } = await site.run(assignment());
    expect(site.terminals(taskId).map(({ data }) => data)).toEqual([
      {
        task_id: taskId,
        message: "Failed to execute task: setup_command exited with status 9",
        failure_reason: "setup_command",
      },
    ]);
    expect(site.agent.runs(taskId)).toEqual([]);
    expect(readFileSync(note, "utf8").trim()).toBe(taskId);
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });

  test("that puts a pipe in its file's place fails its task, and holds up nothing else", async () => {
    await using site = await DirectSite.create();
    const setup_command = 'rm "$OZ_ENVIRONMENT_FILE"; [ -n "$GOOD" ] || mkfifo "$OZ_ENVIRONMENT_FILE"';
    await using _worker = await site.start({ direct: { setup_command } });
    const bad = await site.run(assignment());
    expect(site.terminals(bad.taskId).map(({ data }) => data)).toEqual([
      expect.objectContaining({
        failure_reason: "setup_command",
        message: expect.stringContaining("not a regular file"),
      }),
    ]);
    const good = await site.run(assignment({ env: { GOOD: "1" } }));
    expect(site.plane.task(good.taskId)?.state).toBe("completed");
  });

  test("may leave a process behind, which does not hold up the task", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("pid");
    const setup_command = `sleep 300 >/dev/null 2>&1 & echo $! >'${note}'`;
    await using _worker = await site.start({ direct: { setup_command } });
    const { taskId } = await site.run(assignment());
    const pid = Number(readFileSync(note, "utf8"));
    if (existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
    expect(site.plane.task(taskId)?.state).toBe("completed");
  });
});

describe("teardown_command", () => {
  test("runs in the workspace after the agent, whatever became of it, with the setup's variables", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("teardowns");
    const names = ["OZ_RUN_ID", "OZ_WORKER_BACKEND", "WARP_API_KEY", "OF_THE_TASK"];
    const direct = {
      teardown_command: `echo "$PWD ${names.map((name) => `$${name}`).join(" ")}" >>'${note}'; ls >>'${note}'`,
    };
    await using _worker = await site.start({ direct });
    for (const env of [{}, { AGENT_EXIT: "3" }, { AGENT_SIGNAL: "KILL" }]) {
      const { taskId } = await site.run(assignment({ env: { OF_THE_TASK: "t", ...env } }));
      const said = readFileSync(note, "utf8").trim().split("\n").at(-1);
      expect(said).toBe(`${site.workspaceRoot}/${taskId} ${taskId} direct ${TEST_API_KEY} t`);
      expect(existsSync(`${site.workspaceRoot}/${taskId}`)).toBe(false);
    }
  });

  // Once it was started in a folder that was not there any more, and so not at all.
  test.each(["rm -rf", "chmod 000"])("runs although the agent did %s to its workspace", async (what) => {
    await using site = await DirectSite.create();
    const note = site.dir.join("note");
    const agent = await site.dir.write("agent.sh", `#!/bin/sh\n${what} "$PWD"\n`, 0o755);
    const teardown = `echo "$OZ_RUN_ID $OZ_WORKSPACE_ROOT" >'${note}'`;
    await using _worker = await site.start({
      direct: { oz_path: agent, teardown_command: teardown },
      command: [...UNPRIVILEGED, ...workerCommand()],
    });
    const task = await site.run(assignment());
    expect(task.state).toBe("completed");
    expect(readFileSync(note, "utf8")).toBe(`${task.taskId} ${site.workspaceRoot}/${task.taskId}\n`);
    expect(readdirSync(site.workspaceRoot)).toEqual([]);
  });

  // "ENOENT: no such file or directory, posix_spawn '/bin/sh'" had operators look for their shell.
  test("that has no folder left to run in is a warning that says so", async () => {
    await using site = await DirectSite.create();
    const agent = await site.dir.write("agent.sh", '#!/bin/sh\nrm -rf "$PWD" "$PRIVATE"\n', 0o755);
    const setup = 'echo "PRIVATE=$(dirname "$OZ_ENVIRONMENT_FILE")" >>"$OZ_ENVIRONMENT_FILE"';
    await using worker = await site.start({
      direct: { oz_path: agent, setup_command: setup, teardown_command: ":" },
    });
    expect((await site.run(assignment())).state).toBe("completed");
    const [warning] = await worker.waitForLog(/teardown_command cannot be run .*/);
    expect(warning).toContain("the workspace and the task's private folder are not there");
  });

  test("that fails is a warning, and the task's result stands", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ direct: { teardown_command: "exit 5" } });
    const good = await site.run(assignment());
    const bad = await site.run(assignment({ env: { AGENT_EXIT: "4" } }));
    expect([good.state, good.message]).toEqual(["completed", "Task completed successfully"]);
    expect([bad.failureReason, bad.exitCode]).toEqual(["agent_invocation", 4]);
    const warnings = worker.stderr.split("\n").filter((line) => /WARN .*teardown_command failed/.test(line));
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain(`taskId=${good.taskId}`);
    expect(warnings[0]).toContain("status=5");
  });

  test("runs after a cancellation too, and gets no signal of it", async () => {
    await using site = await DirectSite.create();
    const note = site.dir.join("teardown");
    await using _worker = await site.start({
      direct: { teardown_command: `sleep 0.2; echo done >'${note}'` },
    });
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    await site.holdAll([task]);
    site.plane.cancel(task.task_id);
    const { state } = await site.plane.waitForTask(task.task_id);
    expect(state).toBe("cancelled");
    expect(readFileSync(note, "utf8")).toBe("done\n");
  });
});

test("both hooks run under --no-cleanup, which keeps the workspace and not the environment file", async () => {
  await using site = await DirectSite.create();
  const note = site.dir.join("notes");
  const direct = {
    setup_command: `echo SECRET=1 >"$OZ_ENVIRONMENT_FILE"; echo "$OZ_ENVIRONMENT_FILE" >'${note}'; touch made-by-setup`,
    teardown_command: "touch made-by-teardown",
  };
  await using _worker = await site.start({ direct, flags: ["--no-cleanup"] });
  const { taskId } = await site.run(assignment());
  expect(readdirSync(`${site.workspaceRoot}/${taskId}`).sort()).toEqual([
    "made-by-setup",
    "made-by-teardown",
  ]);
  await eventually(() => !existsSync(readFileSync(note, "utf8").trim()), "the environment file to be gone");
});

test("with a target folder the hooks run there and leave nothing of their own in it", async () => {
  await using site = await DirectSite.create();
  const target = await site.dir.mkdir("target");
  const note = site.dir.join("cwd");
  const direct = {
    target_dir: target,
    setup_command: `pwd >'${note}'; echo A=1 >"$OZ_ENVIRONMENT_FILE"; echo "$OZ_WORKSPACE_ROOT" >>'${note}'`,
    teardown_command: `pwd >>'${note}'`,
  };
  await using _worker = await site.start({ direct });
  const { taskId } = await site.run(assignment());
  expect(site.agent.runs(taskId)[0]?.env["A"]).toBe("1");
  expect(readFileSync(note, "utf8")).toBe(`${target}\n${target}\n${target}\n`);
  expect(readdirSync(target)).toEqual([]);
});
