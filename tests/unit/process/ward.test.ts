/** A process under a shim as those see it who wait for its end. */
import { afterEach, expect, jest, test } from "bun:test";
import { existsSync } from "node:fs";
import { identify, NO_GROUP } from "../../../src/process/process-table.ts";
import { writeExitFile } from "../../../src/process/shim/exit-file.ts";
import { foundWard, startedWard } from "../../../src/process/shim/ward.ts";
import { TempDir } from "../../support/temp-dir.ts";
import { eventually } from "../../support/wait.ts";

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
