/** What a short task left outside of its group, and what only looks like that. */
import { describe, expect, spyOn, test } from "bun:test";
import { Afterlook } from "../../src/process/afterlook.ts";
import { startedAtNow } from "../../src/process/boot-clock.ts";
import { identify, isAlive, type ProcessIdentity } from "../../src/process/process-table.ts";
import { Surveyor } from "../../src/process/stragglers.ts";
import { eventually } from "../support/wait.ts";
import { Spawned } from "../unit/process/spawned.ts";

const NAME = "AFTERLOOK_TEST_MARK";
const GRACE_MS = 300;

/** Started in an earlier tick of the kernel's clock than whatever comes next. */
async function leave(spawned: Spawned, value: string, script = "exec sleep 1000"): Promise<ProcessIdentity> {
  const identity = launch(spawned, value, script);
  await eventually(() => startedAtNow() > Number(identity.startedAt), "the next tick of the clock");
  return identity;
}

function launch(spawned: Spawned, value: string, script = "exec sleep 1000"): ProcessIdentity {
  const child = Bun.spawn(["/bin/sh", "-c", script], {
    env: { PATH: "/usr/bin:/bin", [NAME]: value },
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
  });
  const identity = spawned.add(identify(child.pid));
  if (identity === null) throw new Error("it ended at once");
  return identity;
}

const afterlook = () => new Afterlook(new Surveyor([NAME]), GRACE_MS);
const markOf = (value: string) => `${NAME}=${value}`;

describe("what carries the mark of a task that ended", () => {
  test("is ended a moment later, also where it does not listen, and a stranger is not", async () => {
    using spawned = new Spawned();
    await using look = afterlook();
    const gentle = await leave(spawned, "/ended");
    const stubborn = await leave(spawned, "/ended", "trap '' TERM; while :; do sleep 0.05; done");
    const stranger = await leave(spawned, "/another");
    look.add(markOf("/ended"));
    await eventually(() => !isAlive(gentle) && !isAlive(stubborn), "what was left to end");
    expect(isAlive(stranger)).toBe(true);
  });

  test("is ended before its worker is", async () => {
    using spawned = new Spawned();
    const look = afterlook();
    const left = await leave(spawned, "/ended");
    look.add(markOf("/ended"));
    await look[Symbol.asyncDispose]();
    expect(isAlive(left)).toBe(false);
  });

  test("keeps no task and no stop from going on where nobody can look for it", async () => {
    const surveyor = new Surveyor([NAME]);
    spyOn(surveyor, "survey").mockRejectedValue(new Error("file table overflow"));
    const look = new Afterlook(surveyor, GRACE_MS);
    look.add(markOf("/ended"));
    const stopped = look[Symbol.asyncDispose]();
    await look.yieldTo(markOf("/ended"));
    await stopped;
  });

  test("is another task's by the time of the look, and left to that", async () => {
    using spawned = new Spawned();
    const look = afterlook();
    const left = await leave(spawned, "/ended");
    look.add(markOf("/again"));
    look.add(markOf("/ended"));
    await look.yieldTo(markOf("/again"));
    const theirs = launch(spawned, "/again");
    await look[Symbol.asyncDispose]();
    expect([isAlive(theirs), isAlive(left)]).toEqual([true, false]);
  });

  // The control plane may give a task that failed at once to another worker of the same id on this host.
  test("and started after that end is another worker's, and left alone", async () => {
    using spawned = new Spawned();
    const look = afterlook();
    const left = await leave(spawned, "/ended");
    look.add(markOf("/ended"));
    const theirs = launch(spawned, "/ended");
    await look[Symbol.asyncDispose]();
    expect([isAlive(theirs), isAlive(left)]).toEqual([true, false]);
  });

  test("while it is being ended holds up who wants the mark", async () => {
    using spawned = new Spawned();
    const look = afterlook();
    const left = await leave(spawned, "/again", "trap '' TERM; while :; do sleep 0.05; done");
    look.add(markOf("/again"));
    const disposed = look[Symbol.asyncDispose]();
    await look.yieldTo(markOf("/again"));
    expect(isAlive(left)).toBe(false);
    await disposed;
  });
});
