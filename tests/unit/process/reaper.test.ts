import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { ProcessEntry } from "../../../src/process/process-table.ts";
import { Reaper, reaperForFirstProcess } from "../../../src/process/reaper.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const ended = (pid: number, more: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  parentPid: process.pid,
  groupId: pid,
  state: "Z",
  zombie: true,
  startedAt: "100",
  ...more,
});

/** What is reaped is gone from the table; `after`: what is done to the table between two looks. */
function reaped(table: ProcessEntry[], after: (look: number) => void = () => {}): number[] {
  const pids: number[] = [];
  let looks = 0;
  using _reaper = new Reaper({
    list: () => {
      looks += 1;
      const seen = [...table];
      after(looks);
      return seen;
    },
    open: () => (pid) => {
      pids.push(pid);
      table.splice(
        table.findIndex((entry) => entry.pid === pid),
        1,
      );
    },
  });
  process.emit("SIGCHLD", "SIGCHLD");
  jest.advanceTimersByTime(60_000);
  expect(looks).toBeGreaterThan(0);
  return pids;
}

test("a child that nobody asks about is reaped once it has been there for two looks", () => {
  expect(reaped([ended(7), ended(8)])).toEqual([7, 8]);
});

test("what the runtime started, it asks about itself: gone by the second look", () => {
  const table = [ended(7)];
  expect(reaped(table, (look) => void (look === 1 && table.pop()))).toEqual([]);
});

test("a number that has become another process's is waited for again", () => {
  const table = [ended(7)];
  const pids = reaped(table, (look) => {
    if (look === 1) table[0] = ended(7, { startedAt: "200" });
    if (look === 2) table.pop();
  });
  expect(pids).toEqual([]);
});

test("what still runs, and what has another parent, is left alone", () => {
  expect(reaped([ended(7, { zombie: false }), ended(8, { parentPid: 99 })])).toEqual([]);
});

test("a child that ends while the others are looked at is found by the next look", () => {
  const table = [ended(7)];
  expect(reaped(table, (look) => void (look === 1 && table.push(ended(8))))).toEqual([7, 8]);
});

// On kernels before 5.3, and under the rules of an old container engine, the runtime keeps the signal to itself: what
// tasks left stayed in the table for ever, up to the container's limit of processes.
test("where the system does not tell of children, it looks by itself once a minute, and no more once it is told", () => {
  const table = [ended(7)];
  let looks = 0;
  using _reaper = new Reaper({
    list: () => {
      looks += 1;
      return [...table];
    },
    open: () => (pid) => void table.splice(0, Number(table[0]?.pid === pid)),
  });
  jest.advanceTimersByTime(180_000);
  expect([table, looks]).toEqual([[], 3]);
  process.emit("SIGCHLD", "SIGCHLD");
  jest.advanceTimersByTime(600_000);
  expect(looks).toBe(4);
});

test("a worker with an init before it does not reap", () => {
  expect(reaperForFirstProcess()).toBeNull();
});
