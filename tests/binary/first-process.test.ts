/** A worker that is the first process of its container: there is no init, so the orphans of all tasks are its own. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { listProcesses } from "../../src/process/process-table.ts";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { eventually } from "../support/wait.ts";
import { workerCommand } from "../support/worker-process.ts";

/** As a container's first process, and with it the whole of it ends. */
const CONTAINED = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];
/** What it reaps it has left alone for so long, twice. */
const REAPED_MS = 30_000;

/** In most containers it is not, and macOS has none. */
const isAllowed = Bun.which("unshare") !== null && Bun.spawnSync([...CONTAINED, "true"]).exitCode === 0;

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
  return children.split(" ").filter(Boolean).map(Number);
}

const zombiesOf = (pid: number) =>
  listProcesses().filter(({ zombie, parentPid }) => zombie && parentPid === pid);

describe.skipIf(!isAllowed)("a worker with the number 1", () => {
  test("reaps what its tasks leave to it, reports their true statuses, and stops when it is told", async () => {
    await using site = await DirectSite.create();
    await using outer = await site.start({ command: [...CONTAINED, ...workerCommand()] });
    const [worker = 0] = childrenOf(outer.pid);
    const env = { AGENT_GRANDCHILD: "1", AGENT_EXIT: "3" };
    for (let task = 0; task < 5; task++) site.plane.submit(assignment({ env }));
    await site.plane.waitForAllTasks();
    expect(site.plane.tasks().map(({ exitCode }) => exitCode)).toEqual([3, 3, 3, 3, 3]);
    expect(zombiesOf(worker).length).toBeGreaterThan(0);
    await eventually(() => zombiesOf(worker).length === 0, "nothing left to reap", { timeoutMs: REAPED_MS });
    process.kill(worker, "SIGTERM");
    expect(await outer.finished()).toBe(0);
  });
});
