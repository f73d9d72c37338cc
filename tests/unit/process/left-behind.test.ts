import { describe, expect, test } from "bun:test";
import { leftBehind } from "../../../src/process/left-behind.ts";
import type { ProcessEntry } from "../../../src/process/process-table.ts";

const ENDED_AT = 1_000;
const SHIM = 50;
const INIT = 1;

/** Leads its group unless told. */
function entry(pid: number, startedAt: number, more: Partial<ProcessEntry> = {}): ProcessEntry {
  return {
    pid,
    parentPid: INIT,
    groupId: pid,
    state: "S",
    zombie: false,
    startedAt: String(startedAt),
    ...more,
  };
}

describe("of the processes with a task's mark", () => {
  test.each<[string, readonly ProcessEntry[], readonly number[]]>([
    ["what started before its end is left", [entry(10, 900), entry(11, 999)], [10, 11]],
    ["what started in the moment of its end, and has no parent any more, is left", [entry(10, 1_000)], [10]],
    ["an agent of the next task is not", [entry(20, 1_001, { parentPid: SHIM })], []],
    [
      "an agent of the next task that started in the moment of the end is not",
      [entry(20, 1_000, { parentPid: SHIM })],
      [],
    ],
    [
      "what the next agent has started is not",
      [
        entry(20, 1_000, { parentPid: SHIM }),
        entry(21, 1_000, { parentPid: 20, groupId: 20 }),
        entry(22, 1_300, { parentPid: 20 }),
        entry(23, 1_400),
      ],
      [],
    ],
    [
      "what the left ones have started since is left, whatever became of its parent",
      [
        entry(12, 1_300, { parentPid: 11 }),
        entry(11, 1_200, { parentPid: 10, groupId: 10 }),
        entry(10, 900),
        entry(13, 1_400, { groupId: 10 }),
      ],
      [10, 11, 12, 13],
    ],
    [
      "both at once are told apart",
      [entry(10, 900), entry(20, 1_000, { parentPid: SHIM }), entry(21, 1_001, { groupId: 20 })],
      [10],
    ],
  ])("%s", (_what, marked, pids) => {
    const left = leftBehind(marked, ENDED_AT).map(({ pid }) => pid);
    expect(left.toSorted((one, other) => one - other)).toEqual([...pids]);
  });
});
