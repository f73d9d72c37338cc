/** The process that supervises the agents, when it cannot even be started. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { shimsOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";

const limitTo = (pid: number, files: string) =>
  Bun.spawnSync(["prlimit", "--pid", String(pid), `--nofile=${files}:`]).exitCode;

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
      `cannot start ${site.agent.path}: the process that supervises the agents cannot be started: EMFILE`,
    );
    expect(message).toContain("a limit of open files is reached (ulimit -n, LimitNOFILE)");
    expect(limitTo(worker.pid, "1024")).toBe(0);
    expect((await site.run(assignment())).state).toBe("completed");
    await eventually(() => shimsOf(worker.pid).length === 1, "its one shim");
  },
);
