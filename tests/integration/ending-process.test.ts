/** A process that is being ended, and has not gone yet: kept in that state by a thread that runs on after its first one. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { identify, isAlive, isExiting } from "../../src/process/process-table.ts";
import { TaskClaims } from "../../src/task/claims/task-claims.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";

/** By the system call, which ends one thread only; the runtime's others go on. */
const ENDS_ITS_FIRST_THREAD = `
  const { dlopen } = require("bun:ffi");
  const libc = dlopen("libc.so.6", { syscall: { args: ["i64", "i64"], returns: "i64" } });
  new Worker("data:text/javascript,setInterval(()=>{},1000)");
  process.stdin.once("data", () => libc.symbols.syscall(process.arch === "arm64" ? 93 : 60, 0));
`;

// A successor that was started in the moment of a kill left all its tasks to the dead one: nobody told how they ended.
test.skipIf(process.platform !== "linux")("it has no task any more, although it is there", async () => {
  await using dir = await TempDir.create("ending");
  const child = Bun.spawn([process.execPath, "-e", ENDS_ITS_FIRST_THREAD], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  try {
    const identity = identify(child.pid);
    if (identity === null) throw new Error("It has ended already");
    const { pid, startedAt, bootId } = identity;
    mkdirSync(dir.join("claims"));
    writeFileSync(dir.join("claims/t"), [pid, startedAt, bootId, "/ws/"].join("|"));
    using claims = new TaskClaims(() => dir.join("claims"));
    expect([isExiting(pid), claims.take("t", "/ws/t").kind]).toEqual([false, "taken"]);
    child.stdin.write("now\n");
    child.stdin.flush();
    await eventually(() => isExiting(pid), "its first thread to end");
    expect([isAlive(identity), claims.take("t", "/ws/t").kind]).toEqual([true, "had"]);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  expect(isExiting(child.pid)).toBe(false);
});
