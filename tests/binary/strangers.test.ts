/** A pid is only a number: after a crash it may be somebody else's, who must not notice that it ever was ours. */
import { describe, expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { shimOf } from "../support/shims.ts";

/** A process in a session of its own, as every service of a host is. */
class Stranger implements AsyncDisposable {
  readonly #child = Bun.spawn(["sleep", "300"], { stdio: ["ignore", "ignore", "ignore"], detached: true });

  get pid(): number {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** As if the kernel had given the agent's pid, freed meanwhile, to this process. */
function giveAwayPid(site: DirectSite, pid: number): void {
  const journal = new DatabaseSync(site.dir.join("state/bar/slot-0.db"));
  const changed = journal.prepare("UPDATE executions SET handle = json_set(handle, '$.pid', ?)").run(pid);
  journal.close();
  expect(changed.changes).toBe(1);
}

describe("a process that has the pid of an agent of a dead daemon", () => {
  test("is left alone when the agent's end was written down", async () => {
    await using stranger = new Stranger();
    await using site = await DirectSite.create();
    await using first = await site.start();
    const [run] = await site.hold(1, { AGENT_EXIT: "3" });
    await first.stop("SIGKILL");
    run?.release();
    await site.gone(...(run ? [run] : []));
    giveAwayPid(site, stranger.pid);
    await using _second = await site.start();
    const task = await site.plane.waitForTask(run ? taskIdOf(run) : "");
    expect(task.exitCode).toBe(3);
    expect(stranger.alive).toBe(true);
  });

  test("is left alone when the agent's end is not known", async () => {
    await using stranger = new Stranger();
    await using site = await DirectSite.create();
    await using first = await site.start();
    const [run] = await site.hold(1);
    const shim = shimOf(first.pid);
    await first.stop("SIGKILL");
    process.kill(shim, "SIGKILL");
    run?.release();
    await site.gone(...(run ? [run] : []));
    giveAwayPid(site, stranger.pid);
    await using _second = await site.start();
    const task = await site.plane.waitForTask(run ? taskIdOf(run) : "");
    expect([task.state, task.failureReason]).toEqual(["failed", "agent_invocation"]);
    expect(stranger.alive).toBe(true);
  });

  test("is left alone when the task is cancelled", async () => {
    await using stranger = new Stranger();
    await using site = await DirectSite.create();
    await using first = await site.start();
    const [run] = await site.hold(1);
    const taskId = run ? taskIdOf(run) : "";
    const shim = shimOf(first.pid);
    await first.stop("SIGKILL");
    process.kill(shim, "SIGKILL");
    run?.release();
    await site.gone(...(run ? [run] : []));
    giveAwayPid(site, stranger.pid);
    await using second = await site.start();
    await second.waitForLog(/task taken over/);
    site.plane.faults.send("task_cancellation", { task_id: taskId });
    await site.plane.waitForTask(taskId);
    expect(stranger.alive).toBe(true);
  });
});
