/** A process under a shim as those see it who wait for its end. */
import { afterEach, expect, jest, test } from "bun:test";
import { existsSync } from "node:fs";
import { identify, NO_GROUP, readProcess } from "../../../src/process/process-table.ts";
import { writeExitFile } from "../../../src/process/shim/exit-file.ts";
import { foundWard, startedWard } from "../../../src/process/shim/ward.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { eventually } from "../../support/wait.ts";
import { Spawned } from "./spawned.ts";

/** No system gives such a number. */
const GONE = { pid: 2 ** 30, startedAt: "1", bootId: "earlier" };
const END = { status: 3, at: 1_700_000_000_000 };

afterEach(() => void jest.useRealTimers());

test("one that is found again has ended when its status is there already, and leaves nothing when it is forgotten", async () => {
  jest.useFakeTimers();
  await using dir = await TempDir.create("ward");
  writeExitFile(dir.join("x"), END);
  const ward = foundWard(GONE, dir.join("x"));
  expect(await ward.exited).toEqual({ kind: "exited", ...END });
  expect([jest.getTimerCount(), ward.groupId()]).toEqual([0, NO_GROUP]);
  ward.forget();
  expect(existsSync(dir.join("x"))).toBe(false);
});

test("one whose status comes after its end, as its shim writes it, has that", async () => {
  jest.useFakeTimers();
  // Not right at this process's start: a task whose turn comes late is found later.
  jest.advanceTimersByTime(60_000);
  await using dir = await TempDir.create("ward");
  const { exited } = foundWard(GONE, dir.join("x"));
  jest.advanceTimersByTime(2_000);
  writeExitFile(dir.join("x"), END);
  // The folder is watched: no look of the clock's is needed.
  expect(await exited).toEqual({ kind: "exited", ...END });
});

test("one whose status does not come within two seconds of its end is lost", async () => {
  jest.useFakeTimers();
  await using dir = await TempDir.create("ward");
  const { exited } = foundWard(GONE, dir.join("x"));
  jest.advanceTimersByTime(2_500);
  expect([await exited, jest.getTimerCount()]).toEqual([{ kind: "lost" }, 0]);
});

// On a disk that took half a second for each call the shims' work on six ends took longer than two seconds: five agents
// that had ended well were told of as failed.
test("one whose shim lives is waited for, for a minute", async () => {
  jest.useFakeTimers();
  await using dir = await TempDir.create("ward");
  const shim = identify(process.pid) ?? undefined;
  const slow = foundWard(GONE, dir.join("slow"), shim);
  const unable = foundWard(GONE, dir.join("unable"), shim);
  jest.advanceTimersByTime(60_000);
  writeExitFile(dir.join("slow"), END);
  expect(await slow.exited).toEqual({ kind: "exited", ...END });
  jest.advanceTimersByTime(3_000);
  expect([await unable.exited, jest.getTimerCount()]).toEqual([{ kind: "lost" }, 0]);
});

/** A process in a shim's place, which writes nothing. */
function startStandIn(spawned: Spawned) {
  const child = Bun.spawn(["/bin/sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
  const shim = identify(child.pid);
  if (shim === null) throw new Error("not started");
  return { child, shim: spawned.add(shim) };
}

test("one whose shim ends meanwhile is lost two seconds after that", async () => {
  jest.useFakeTimers();
  await using dir = await TempDir.create("ward");
  using spawned = new Spawned();
  const { child, shim } = startStandIn(spawned);
  const { exited } = foundWard(GONE, dir.join("x"), shim);
  jest.advanceTimersByTime(10_000);
  child.kill("SIGKILL");
  await child.exited;
  jest.advanceTimersByTime(2_000);
  // Written with its last breath.
  writeExitFile(dir.join("x"), END);
  expect(await exited).toEqual({ kind: "exited", ...END });
});

test("one whose shim was stopped has it woken once the status is wanted", async () => {
  await using dir = await TempDir.create("ward");
  using spawned = new Spawned();
  const { child, shim } = startStandIn(spawned);
  child.kill("SIGSTOP");
  await eventually(() => readProcess(child.pid)?.state === "T", "it to be stopped");
  const { exited } = foundWard(GONE, dir.join("x"), shim);
  await eventually(() => readProcess(child.pid)?.state !== "T", "it to be woken");
  writeExitFile(dir.join("x"), END);
  await exited;
});

// A cancelled agent of a dead worker is gone, and reported, before its shim has written that: the file stayed for a week.
test("one whose status comes after it was forgotten leaves nothing either", async () => {
  await using dir = await TempDir.create("ward");
  const ward = foundWard(GONE, dir.join("x"));
  ward.forget();
  writeExitFile(dir.join("x"), END);
  expect(await ward.exited).toEqual({ kind: "exited", ...END });
  await eventually(() => !existsSync(dir.join("x")), "the status to be removed");
});

test("one that lives is waited for, without a limit", async () => {
  jest.useFakeTimers();
  await using dir = await TempDir.create("ward");
  const self = identify(process.pid);
  if (self === null) throw new Error("this process is not found");
  const ward = foundWard(self, dir.join("x"));
  jest.advanceTimersByTime(60_000);
  expect(ward.groupId()).toBe(process.pid);
  writeExitFile(dir.join("x"), END);
  expect(await ward.exited).toEqual({ kind: "exited", ...END });
});

test("one that was started here is acknowledged when it is forgotten, and has a group until that is empty", () => {
  let acknowledged = 0;
  const started = (isOver: boolean) =>
    startedWard({
      identity: GONE,
      isOver,
      exited: Promise.resolve({ kind: "exited", status: 0 }),
      acknowledge: () => {
        acknowledged += 1;
      },
    });
  expect([started(false).groupId(), started(true).groupId()]).toEqual([GONE.pid, NO_GROUP]);
  started(true).forget();
  expect(acknowledged).toBe(1);
});
