/** The process that supervises the agents, when it is stopped or cannot even be started. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readProcess } from "../../src/process/process-table.ts";
import { assignment } from "../support/assignments.ts";
import { CommandSite, KEEP_PAYLOAD } from "../support/command-site.ts";
import { DirectSite } from "../support/direct-site.ts";
import { CAN_OBEY, OBEYING } from "../support/permissions.ts";
import { shimOf, shimsOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";
import { workerCommand } from "../support/worker-process.ts";

const STOPS_ITS_SHIM = `#!/bin/sh
case $STOPS in yes) kill -STOP $PPID ;; esac
`;
const WARNING = /the process that supervises the agents was stopped, and is told to go on.* state=T/;

// Every task was claimed and none begun, with nothing said, until somebody sent SIGCONT.
describe("an agent that stops the process that supervises it", () => {
  test("holds up neither its own end nor the tasks that follow, and the log tells of it", async () => {
    await using site = await DirectSite.create();
    const oz_path = await site.dir.write("stops-its-shim", STOPS_ITS_SHIM, 0o755);
    await using worker = await site.start({ direct: { oz_path } });
    expect((await site.run(assignment({ env: { STOPS: "yes" } }))).state).toBe("completed");
    await worker.waitForLog(WARNING);
    expect((await site.run(assignment())).state).toBe("completed");
  });

  test("does not hold up the cancellation of one that could not be begun", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    await site.run(assignment());
    const shim = shimOf(worker.pid);
    process.kill(shim, "SIGSTOP");
    const task = assignment({ env: { AGENT_HOLD: "1" } });
    site.plane.submit(task);
    // A cancellation that comes before that needs no shim: nothing is begun for it.
    const workspace = join(site.workspaceRoot, task.task_id);
    await eventually(
      () => existsSync(workspace),
      "the task to have its workspace, and its agent to be asked for",
    );
    site.plane.cancel(task.task_id);
    expect((await site.plane.waitForTask(task.task_id)).state).toBe("cancelled");
    expect(readProcess(shim)?.state).not.toBe("T");
  });
});

test("one that was stopped ends with its worker all the same", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start();
  await site.run(assignment());
  const shim = shimOf(worker.pid);
  process.kill(shim, "SIGSTOP");
  await eventually(() => readProcess(shim)?.state === "T", "it to be stopped");
  expect(await worker.stop()).toBe(0);
  await eventually(() => readProcess(shim) === null, "it to end");
});

const LIMIT = "a limit of open files is reached (ulimit -n, LimitNOFILE)";

const limitTo = (pid: number, files: string) =>
  Bun.spawnSync(["prlimit", "--pid", String(pid), `--nofile=${files}:`]).exitCode;

/** It cannot raise its limit again, and what it has open is more already. */
function leaveNoneFree(shim: number): void {
  expect(Bun.spawnSync(["prlimit", "--pid", String(shim), "--nofile=3"]).exitCode).toBe(0);
}

// It was `unknown: EMFILE: too many open files, socketpair`: nothing of what was tried, or of what to do.
test.skipIf(Bun.which("prlimit") === null)(
  "a task for which it cannot be started is told the limit, and the next one runs when that was raised",
  async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start();
    const open = readdirSync(`/proc/${worker.pid}/fd`).length;
    expect(limitTo(worker.pid, String(open))).toBe(0);
    const { failureReason, message } = await site.run(assignment());
    expect(failureReason).toBe("agent_invocation");
    expect(message).toContain(
      `cannot start ${site.agent.path}: the process that supervises the agents cannot be started: `,
    );
    // Each runtime has the system's words in its own way.
    expect(message).toMatch(/too many open files/i);
    expect(message).toContain(LIMIT);
    expect(limitTo(worker.pid, "1024")).toBe(0);
    expect((await site.run(assignment())).state).toBe("completed");
    await eventually(() => shimsOf(worker.pid).length === 1, "its one shim");
  },
);

describe.skipIf(Bun.which("prlimit") === null || !CAN_OBEY)(
  "what it cannot start for a limit is told with that:",
  () => {
    const command = [...OBEYING, ...workerCommand()];

    test("a dispatch", async () => {
      await using site = await CommandSite.create();
      await using worker = await site.start({ dispatch: KEEP_PAYLOAD, command });
      await site.handOver(assignment(), worker);
      leaveNoneFree(shimOf(worker.pid));
      const { failureReason, message } = await site.run(assignment());
      expect(failureReason).toBe("dispatch_command");
      expect(message).toMatch(/dispatch_command cannot be started in .*: .*too many open files/i);
      expect(message).toEndWith(`; ${LIMIT}`);
    });

    test("a setup command, and its teardown command", async () => {
      await using site = await DirectSite.create();
      const direct = { setup_command: "true", teardown_command: "true" };
      await using worker = await site.start({ direct, command });
      await site.run(assignment());
      leaveNoneFree(shimOf(worker.pid));
      const { failureReason, message } = await site.run(assignment());
      expect(failureReason).toBe("setup_command");
      expect(message).toMatch(/setup_command cannot be started: .*too many open files/i);
      expect(message).toEndWith(`; ${LIMIT}`);
      const [warning] = await worker.waitForLog(/teardown_command cannot be run .*/);
      expect(warning).toContain(LIMIT);
    });
  },
);
