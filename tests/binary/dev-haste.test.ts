/** `dev` that is asked to stop twice, as by a second Ctrl-C of somebody who does not want to wait. */
import { expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { DirectSite } from "../support/direct-site.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { workerCommand } from "../support/worker-process.ts";

// It left with 0, as if the tasks had completed, the terminal's last rows would scroll no more, and the folder that its
// worker had been given stayed for good.
test("leaves at once, the terminal in order, and its worker ends the agent and takes its folder away", async () => {
  await using dir = await TempDir.create("dev-haste");
  await using agent = await FakeAgent.create(dir);
  const direct = { workspace_root: await dir.mkdir("ws"), oz_path: agent.path };
  const settings = { worker_id: "w", cancel_grace_period: "1s", backend: { direct } };
  const config = await dir.write("worker.yaml", JSON.stringify(settings));
  const stubborn = { task_id: "t1", prompt: "stay", env_vars: { AGENT_IGNORE_TERM: "1", AGENT_HOLD: "1" } };
  const task = await dir.write("task.json", JSON.stringify(stubborn));
  const temporary = await dir.mkdir("tmp");
  let shown = "";
  const child = Bun.spawn([...workerCommand(), "dev", "--config-file", config, task, "--exit-when-done"], {
    env: { PATH: process.env["PATH"] ?? "", HOME: dir.path, TMPDIR: temporary, TERM: "xterm" },
    terminal: {
      cols: 80,
      rows: 24,
      data(_, bytes) {
        shown += Buffer.from(bytes).toString();
      },
    },
  });
  const run = await agent.waitForStart("t1");
  child.kill("SIGINT");
  await eventually(() => shown.includes("stopping; another signal ends"), "the worker to be asked to stop");
  child.kill("SIGINT");
  expect(await within(child.exited, "dev in haste")).toBe(130);
  const left = () => shown.split("\u001b[r").at(-1) ?? "";
  await eventually(() => left().includes('task t1 claimed "stay"'), "the table to be taken down");
  await eventually(() => readdirSync(temporary).length === 0, "the worker's folder to go");
  expect(run.alive).toEqual([]);
});

// A worker with no task had ended before dev had, so that it saw no end of its input, and dev had left the folder to it.
test("a worker takes its folder away also when it ends before the dev that started it", async () => {
  await using site = await DirectSite.create();
  const [pipe, scratch] = [site.dir.join("input"), await site.dir.mkdir("scratch")];
  Bun.spawnSync(["mkfifo", pipe]);
  const held = openSync(pipe, "r+");
  const command = ["/bin/sh", "-c", 'exec "$@" <"$INPUT"', "sh", ...workerCommand()];
  const flags = ["--stop-at-end-of-input", `--scratch-dir=${scratch}`];
  await using worker = await site.start({ command, flags, env: { INPUT: pipe } });
  expect(await worker.stop()).toBe(0);
  closeSync(held);
  expect(existsSync(scratch)).toBe(false);
});
