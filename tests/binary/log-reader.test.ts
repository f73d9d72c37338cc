/** Surroundings that fail the worker: a log that nobody reads (a stalled driver, a pager), a folder that is gone. */
import { expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { workerCommand } from "../support/worker-process.ts";

/** Standard error is a pipe that stays open and is not read. */
const UNREAD = 'exec 3<>"$0"; exec "$@" 2>"$0"';
/** More than a pipe holds, several times. */
const LINES = 4_000;

test("a log that nobody reads holds up neither tasks nor the stop", async () => {
  await using site = await DirectSite.create();
  const pipe = site.dir.join("log");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  await using worker = await site.start({
    command: ["/bin/sh", "-c", UNREAD, pipe, ...workerCommand()],
    flags: ["--log-level", "debug"],
    connected: false,
  });
  expect((await site.run(assignment())).state).toBe("completed");
  for (let n = 0; n < LINES; n++)
    site.plane.faults.sendRaw(`{"type":"unheard of ${"x".repeat(80)}","data":{}}`);
  expect((await site.run(assignment())).state).toBe("completed");
  const [run] = await site.hold(1);
  expect(await worker.stop()).toBe(0);
  expect(site.terminals(run?.env["TASK_ID"] ?? "").map(({ data }) => data["failure_reason"])).toEqual([
    "graceful_shutdown",
  ]);
});

test("a worker whose folder was removed before it started works with absolute paths", async () => {
  await using site = await DirectSite.create();
  const gone = await site.dir.mkdir("gone");
  await using worker = await site.start({
    command: ["/bin/sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, ...workerCommand()],
  });
  const { taskId, state } = await site.run(assignment());
  expect(state).toBe("completed");
  expect(site.agent.runs(taskId)[0]?.cwd).toBe(`${site.workspaceRoot}/${taskId}`);
  expect(await worker.stop()).toBe(0);
});
