/** `log_dir`: what each task writes is in a file of its own, whoever is there to see it. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, utimesSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";

describe("a worker with log_dir", () => {
  test("keeps what setup, agent and teardown write in the task's file, and out of its own output", async () => {
    await using site = await DirectSite.create();
    const direct = {
      log_dir: site.dir.join("logs"),
      setup_command: "echo from setup",
      teardown_command: "echo from teardown >&2",
    };
    await using worker = await site.start({ direct });
    const task = assignment({
      env: { AGENT_STDOUT: "from the agent", AGENT_STDERR: "its error", AGENT_EXIT: "3" },
    });
    expect((await site.run(task)).exitCode).toBe(3);
    const file = site.dir.join(`logs/oz-task-${task.task_id}.log`);
    const lines = readFileSync(file, "utf8").trim().split("\n");
    expect([lines[0], lines.at(-1)]).toEqual(["from setup", "from teardown"]);
    expect(lines.slice(1, -1).toSorted()).toEqual(["from the agent", "its error"]);
    expect(await worker.stop()).toBe(0);
    expect(worker.stdout + worker.stderr).not.toMatch(/from setup|from the agent|its error|from teardown/);
  });

  test("has all of it although it was killed in between", async () => {
    await using site = await DirectSite.create();
    const direct = { log_dir: site.dir.join("logs"), teardown_command: "echo from teardown" };
    await using killed = await site.start({ direct });
    const task = assignment({ env: { AGENT_HOLD: "1", AGENT_STDOUT: "from the agent" } });
    const [run] = await site.holdAll([task]);
    killed.kill("SIGKILL");
    await killed.exited;
    await using _next = await site.start({ direct });
    run?.release();
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("completed");
    const text = readFileSync(site.dir.join(`logs/oz-task-${task.task_id}.log`), "utf8");
    expect(text).toBe("from the agent\nfrom teardown\n");
  });

  test("leaves the file of a silent task that it took over, and removes that of one that has ended", async () => {
    await using site = await DirectSite.create();
    const direct = { log_dir: site.dir.join("logs"), log_max_age: "1s" };
    await using killed = await site.start({ direct });
    const [silent, ended] = [assignment({ env: { AGENT_HOLD: "1" } }), assignment({})];
    const [run] = await site.holdAll([silent]);
    expect((await site.run(ended)).state).toBe("completed");
    killed.kill("SIGKILL");
    await killed.exited;
    const fileOf = (taskId: string) => site.dir.join(`logs/oz-task-${taskId}.log`);
    for (const { task_id } of [silent, ended]) utimesSync(fileOf(task_id), 1, 1);
    await using _next = await site.start({ direct });
    expect((await site.run(assignment({}))).state).toBe("completed");
    expect([silent, ended].map(({ task_id }) => existsSync(fileOf(task_id)))).toEqual([true, false]);
    run?.release();
    expect((await site.plane.waitForTask(silent.task_id)).state).toBe("completed");
  });

  test("goes on when a task has put a pipe in the place of its file, and its agent writes to the worker's own output", async () => {
    await using site = await DirectSite.create();
    const file = site.dir.join("logs/oz-task-$OZ_RUN_ID.log");
    const direct = { log_dir: site.dir.join("logs"), setup_command: `rm ${file} && mkfifo ${file}` };
    await using worker = await site.start({ direct });
    expect((await site.run(assignment({ env: { AGENT_STDOUT: "from the agent" } }))).state).toBe("completed");
    expect(await worker.stop()).toBe(0);
    expect(worker.stdout).toContain("from the agent");
    expect(worker.stderr).toMatch(/cannot keep what a task writes; .*it is not a regular file/);
  });

  test("does not start where the folder cannot be made, and says which setting names it", async () => {
    await using site = await DirectSite.create();
    const log_dir = `${await site.dir.write("file", "")}/logs`;
    await using worker = await site.start({ direct: { log_dir }, connected: false });
    expect(await worker.exited).toBe(1);
    expect(worker.stderr).toMatch(
      /Cannot use the folder of tasks' output .*file\/logs: .*set backend\.direct\.log_dir to a folder/,
    );
  });
});
