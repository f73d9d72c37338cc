/** Which processes are signalled, with the process table and kill(2) as the far side. */
import { afterEach, beforeEach, describe, expect, jest, type Mock, spyOn, test } from "bun:test";
import { NO_GROUP, type ProcessEntry } from "../../../src/process/process-table.ts";
import { groupIsEmpty, killTree, type ProcessTree, stopTree } from "../../../src/process/process-tree.ts";
import { Surveyor } from "../../../src/process/stragglers.ts";

let kill: Mock<typeof process.kill>;

beforeEach(() => {
  kill = spyOn(process, "kill").mockImplementation(() => true);
});
afterEach(() => {
  kill.mockRestore();
  jest.useRealTimers();
});

const entry = (pid: number, groupId: number): ProcessEntry => ({
  pid,
  groupId,
  parentPid: 1,
  state: "S",
  zombie: false,
  startedAt: "1",
});

/** A process table that holds these at each look, and nothing after the last. */
function surveyorOf(...looks: ProcessEntry[][]): Surveyor {
  const surveyor = new Surveyor(["MARK"]);
  spyOn(surveyor, "survey").mockImplementation(async () => {
    const members = looks.shift() ?? [];
    return { membersOf: () => members };
  });
  return surveyor;
}

const tree = (groupId: number): ProcessTree => ({ groupId, mark: "MARK=x", leaderExited: Promise.resolve() });
const signalled = () => kill.mock.calls.map(([pid, signal]) => `${pid} ${signal}`);
const options = (surveyor: Surveyor) => ({ surveyor, graceMs: 0, hurry: new AbortController().signal });

describe("killTree", () => {
  test("signals the group and each member until a look finds nothing", async () => {
    await killTree(tree(500), surveyorOf([entry(500, 500), entry(600, 600)], [entry(501, 500)]));
    expect(signalled()).toEqual([
      "-500 SIGKILL",
      "500 SIGKILL",
      "600 SIGKILL",
      "-500 SIGKILL",
      "501 SIGKILL",
    ]);
  });

  test.each([-1, 0, 1])("never signals the group %p, which is everybody or ourselves", async (groupId) => {
    await killTree(tree(groupId), surveyorOf([entry(700, 700)]));
    await stopTree(tree(groupId), options(surveyorOf([entry(700, 700)], [])));
    expect(signalled()).toEqual(["700 SIGKILL", "700 SIGTERM", "700 SIGCONT"]);
  });

  test("signals nobody when nothing is left", async () => {
    await killTree(tree(500), surveyorOf());
    expect(signalled()).toEqual([]);
  });

  test("gives up on a process that cannot be killed instead of hanging the task", async () => {
    jest.useFakeTimers();
    const stuck = Array.from({ length: 200 }, () => [entry(500, 500)]);
    let over = false;
    const killing = killTree(tree(500), surveyorOf(...stuck)).then(() => {
      over = true;
    });
    for (let round = 0; round < 1_000 && !over; round++) {
      jest.advanceTimersByTime(100);
      await Promise.resolve();
    }
    expect(over).toBe(true);
    await killing;
    expect(kill.mock.calls.length).toBeLessThanOrEqual(100);
  });

  test.each(["ESRCH", "EPERM"])("takes %s for an end", async (code) => {
    kill.mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
    await killTree(tree(500), surveyorOf([entry(500, 500)]));
    expect(signalled()).toHaveLength(2);
  });
});

describe("stopTree", () => {
  test("asks the group first, those who left it one by one, and kills nobody when all have gone", async () => {
    await stopTree(tree(500), options(surveyorOf([entry(500, 500), entry(501, 500), entry(600, 600)])));
    expect(signalled()).toEqual(["-500 SIGTERM", "-500 SIGCONT", "600 SIGTERM", "600 SIGCONT"]);
  });
});

// A cancelled agent that did not listen ran on, and was told of as cancelled: no descriptor was left to list /proc with.
describe("where nobody can look at the processes", () => {
  const noDescriptor = Object.assign(new Error("file table overflow"), { code: "ENFILE" });

  function blind(): Surveyor {
    const surveyor = new Surveyor(["MARK"]);
    spyOn(surveyor, "survey").mockRejectedValue(noDescriptor);
    return surveyor;
  }

  test("the group is asked to end, and killed when it does not", async () => {
    let isThere = true;
    kill.mockImplementation((_pid, signal) => {
      if (!isThere) throw Object.assign(new Error("ESRCH"), { code: "ESRCH" });
      isThere = signal !== "SIGKILL";
      return true;
    });
    await stopTree(tree(500), options(blind()));
    expect(signalled().filter((call) => call !== "-500 0")).toEqual([
      ...["-500 SIGTERM", "-500 SIGCONT", "-500 SIGKILL", "500 SIGKILL"],
    ]);
  });

  test("what is known by its mark alone is not taken for gone", async () => {
    await expect(killTree(tree(NO_GROUP), blind())).rejects.toBe(noDescriptor);
  });
});

test.each([
  ["ESRCH", true],
  ["EPERM", false],
])("a group whose signal fails with %s is empty: %p", (code, empty) => {
  kill.mockImplementation(() => {
    throw Object.assign(new Error(code), { code });
  });
  expect(groupIsEmpty(500)).toBe(empty);
});
