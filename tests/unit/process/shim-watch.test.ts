/** The watch over a shim, here any process that can be stopped. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { readProcess } from "../../../src/process/process-table.ts";
import { ShimWatch } from "../../../src/process/shim/shim-watch.ts";
import { eventually } from "../../support/wait.ts";
import { recordLog } from "../logging/recorded-log.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

async function stopped() {
  jest.useRealTimers();
  const child = Bun.spawn(["/bin/sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
  child.kill("SIGSTOP");
  const state = () => readProcess(child.pid)?.state;
  await eventually(() => state() === "T", "the stop");
  jest.useFakeTimers();
  const log = recordLog();
  const unanswered: number[] = [];
  const watch = new ShimWatch({ pid: child.pid, oldestUnanswered: () => unanswered[0] ?? null, log });
  return {
    state,
    log,
    unanswered,
    watch,
    /** What the system tells the parent of any of its children. */
    childChanged: () => void process.emit("SIGCHLD", "SIGCHLD"),
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
      child.kill("SIGKILL");
    },
  };
}

test("one that is stopped is let go on five seconds after the system told of a child, with a warning", async () => {
  using at = await stopped();
  at.childChanged();
  jest.advanceTimersByTime(4_999);
  expect([at.state(), at.log.said()]).toEqual(["T", []]);
  jest.advanceTimersByTime(1);
  expect(at.state()).not.toBe("T");
  expect(at.log.said("warn")).toEqual([
    "the process that supervises the agents was stopped, and is told to go on",
  ]);
  expect(jest.getTimerCount()).toBe(0);
});

test("so is one that does not answer, with nothing told", async () => {
  using at = await stopped();
  at.unanswered.push(1);
  at.watch.asked();
  jest.advanceTimersByTime(5_000);
  expect(at.state()).not.toBe("T");
});

test("one that answers, and whose parent was told of nothing, is not looked at", async () => {
  using at = await stopped();
  at.watch.asked();
  jest.advanceTimersByTime(5_000);
  expect([at.state(), jest.getTimerCount()]).toEqual(["T", 0]);
  at.childChanged();
  jest.advanceTimersByTime(5_000);
  expect(at.state()).not.toBe("T");
});

test("that of a shim that is let go of looks at nothing and hears nothing more", async () => {
  const listeners = process.listenerCount("SIGCHLD");
  using at = await stopped();
  at.childChanged();
  at.watch[Symbol.dispose]();
  expect([jest.getTimerCount(), process.listenerCount("SIGCHLD")]).toEqual([0, listeners]);
});
