/**
 * Processes of a task that left its group and have not its mark in their environment any more. They outlived every
 * task and every cancellation, and nobody ever ended them.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { identify, isAlive, type ProcessIdentity } from "../../src/process/process-table.ts";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { shimOf } from "../support/shims.ts";
import { eventually } from "../support/wait.ts";
import { workerCommand } from "../support/worker-process.ts";
import { Spawned } from "../unit/process/spawned.ts";

/** Notes its pid in the file that is `$1`, and is nobody's child once its parent has ended. */
const DAEMON = `sh -c 'echo $$ >"$1.new"; mv "$1.new" "$1"; exec sleep 1000 </dev/null >/dev/null 2>&1' sh`;
const CLEARED = `env -i PATH="$PATH" setsid ${DAEMON}`;
const REMARKED = `env GIT_CONFIG_GLOBAL=/dev/null setsid ${DAEMON}`;

/** Starts what the test wants as `$NOTES/$TASK_ID`, then works for as long as it is told. */
const agentOf = (daemon: string) => `#!/bin/sh
${daemon} "$NOTES/$TASK_ID" &
until [ -e "$NOTES/$TASK_ID" ]; do sleep 0.01; done
exec sleep "$WORK"
`;

class Rig implements AsyncDisposable {
  readonly site: DirectSite;
  readonly #spawned = new Spawned();

  private constructor(site: DirectSite) {
    this.site = site;
  }

  static async create(): Promise<Rig> {
    return new Rig(await DirectSite.create());
  }

  async start(daemon = CLEARED, direct: Readonly<Record<string, unknown>> = {}, before: string[] = []) {
    const oz_path = await this.site.dir.write("escapes", agentOf(daemon), 0o755);
    const command = [...before, ...workerCommand()];
    return await this.site.start({ direct: { oz_path, ...direct }, command });
  }

  /** Its id, once its daemon runs. */
  async submit(work: string): Promise<string> {
    const task = assignment({ env: { NOTES: this.site.dir.path, WORK: work } });
    this.site.plane.submit(task);
    await this.daemonOf(task.task_id);
    return task.task_id;
  }

  async daemonOf(name: string): Promise<ProcessIdentity> {
    const note = this.site.dir.join(name);
    const found = await eventually(() => identify(Number(readFileSync(note, "utf8"))), `the pid in ${note}`);
    return this.#spawned.add(found);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#spawned[Symbol.dispose]();
    await this.site[Symbol.asyncDispose]();
  }
}

const end = (daemon: ProcessIdentity) => eventually(() => !isAlive(daemon), "the daemon's end");

describe.each([
  ["cleared its environment", CLEARED],
  ["has another mark in it", REMARKED],
])("a daemon of an agent that left its session and %s", (_how, daemon) => {
  test("ends with the task, which is reported after that", async () => {
    await using rig = await Rig.create();
    await using _worker = await rig.start(daemon);
    const id = await rig.submit("1.5");
    const left = await rig.daemonOf(id);
    expect((await rig.site.plane.waitForTask(id)).state).toBe("completed");
    expect(isAlive(left)).toBe(false);
  });

  test("ends soon after a task that was short", async () => {
    await using rig = await Rig.create();
    await using _worker = await rig.start(daemon);
    const id = await rig.submit("0.1");
    const left = await rig.daemonOf(id);
    expect((await rig.site.plane.waitForTask(id)).state).toBe("completed");
    await end(left);
  });

  test("ends with a cancellation, and those of other tasks and of setup_command go on", async () => {
    await using rig = await Rig.create();
    const setup_command = `${daemon} "${rig.site.dir.path}/setup-$TASK_ID" &`;
    await using _worker = await rig.start(daemon, { setup_command });
    const cancelled = await rig.submit("1000");
    const other = await rig.submit("1000");
    const left = await rig.daemonOf(cancelled);
    const kept = [
      await rig.daemonOf(other),
      await rig.daemonOf(`setup-${cancelled}`),
      await rig.daemonOf(`setup-${other}`),
    ];
    rig.site.plane.cancel(cancelled);
    expect((await rig.site.plane.waitForTask(cancelled)).state).toBe("cancelled");
    expect([left, ...kept].map(isAlive)).toEqual([false, true, true, true]);
  });
});

test("a daemon that has nothing of its task any more is known to the worker that follows a killed one", async () => {
  await using rig = await Rig.create();
  await using first = await rig.start();
  const id = await rig.submit("1000");
  const left = await rig.daemonOf(id);
  const shim = shimOf(first.pid);
  await first.stop("SIGKILL");
  process.kill(shim, "SIGKILL");
  await using _second = await rig.start();
  rig.site.plane.faults.send("task_cancellation", { task_id: id });
  await rig.site.plane.waitForTask(id);
  await end(left);
});

// Once: what was left was looked for half a second later, as after a short task, and if that worker was killed, too, never.
test("a daemon of an agent that ended while no worker was there ends before the task is reported", async () => {
  await using rig = await Rig.create();
  await using first = await rig.start();
  const id = await rig.submit("0.5");
  const left = await rig.daemonOf(id);
  await first.stop("SIGKILL");
  await eventually(() => readdirSync(rig.site.dir.join("state/bar/exits")).length === 1, "the exit status");
  await using _second = await rig.start();
  expect((await rig.site.plane.waitForTask(id)).state).toBe("completed");
  expect(isAlive(left)).toBe(false);
});

const IN_A_CONTAINER = ["unshare", "--user", "--map-root-user", "--mount"];
const mayMount = Bun.which("unshare") !== null && Bun.spawnSync([...IN_A_CONTAINER, "true"]).exitCode === 0;

// There lxcfs shows the container's own time since its start, and of processes the kernel shows when they were started
// since the boot of the host: everything seemed to be of a later task, and was left alone for ever.
test.skipIf(!mayMount)("a daemon of a short task ends soon after it in a container of LXC, too", async () => {
  await using rig = await Rig.create();
  const uptime = await rig.site.dir.write("uptime", "12.50 40.00\n");
  const cover = ["sh", "-c", 'mount --bind "$0" /proc/uptime && exec "$@"', uptime];
  await using _worker = await rig.start(CLEARED, {}, [...IN_A_CONTAINER, ...cover]);
  const id = await rig.submit("0.1");
  const left = await rig.daemonOf(id);
  expect((await rig.site.plane.waitForTask(id)).state).toBe("completed");
  await end(left);
});
