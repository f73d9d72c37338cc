/** The judge of campaigns: a history in which all is well is let pass, and each kind of wrong is named. */
import { describe, expect, test } from "bun:test";
import { judge } from "../../../support/chaos/checker/verdict.ts";
import type { History } from "../../../support/chaos/history.ts";
import {
  assigned,
  cancelled,
  claimed,
  completed,
  exited,
  failed,
  fence,
  neverBegun,
  opened,
  pinged,
  rejected,
  settled,
  shimKilled,
  signalled,
  started,
  toldCancelled,
} from "./told-events.ts";
import * as told from "./told-history.ts";
import { begin, type Entry, ran, stop, wrote } from "./told-history.ts";

function rulesBroken(entries: readonly Entry[], more: Partial<History> = {}): string[] {
  return judge(told.historyOf(entries, more)).map(({ rule }) => rule);
}

const STATUS_5 = failed("agent_invocation", 5);
const asOther = { executionId: "e1", pid: 200 };
const AGAIN = "another execution of this task is still running";
/** Worker 1 is killed with the task, and worker 2 follows it. */
const followed: readonly Entry[] = [signalled("SIGKILL"), exited(1, 137), started(2), opened({ worker: 2 })];
const stopSecond: readonly Entry[] = [settled, signalled("SIGTERM", 2), exited(2)];
const second = { worker: 2 } as const;

describe("nothing is held against", () => {
  const fine: [string, Entry[], Partial<History>?][] = [
    ["a task that is claimed, runs and fails", [assigned(), claimed(), ...ran(5), STATUS_5]],
    ["one that ends well", [assigned(), claimed(), ...ran(0), completed()]],
    ["one that nobody has read of", [assigned()]],
    ["one that is cancelled", [assigned(), claimed(), wrote("start"), cancelled(), toldCancelled()]],
    [
      "one that ended before its cancellation was read",
      [assigned(), claimed(), wrote("start"), cancelled(), wrote("end", { status: 5 }), ...fence(), STATUS_5],
    ],
    [
      "an end that is told again, for it was not proven",
      [
        assigned(),
        claimed(),
        ...ran(5),
        STATUS_5,
        pinged(),
        opened({ connection: 2 }),
        failed("agent_invocation", 5, { connection: 2 }),
      ],
    ],
    [
      "an end that is told again for another delivery",
      [assigned(), claimed(), ...ran(5), STATUS_5, pinged(), pinged(), assigned(), STATUS_5],
    ],
    [
      "two executions, one after the other",
      [
        ...[assigned(), claimed(), ...ran(5), STATUS_5],
        ...[assigned({ executionId: "e1" }), claimed(), ...ran(6, asOther), failed("agent_invocation", 6)],
      ],
      { tasks: [told.DOUBLE] },
    ],
    [
      "a status that is lost with the shim",
      [assigned(), claimed(), shimKilled(), ...ran(5), failed("agent_invocation")],
    ],
  ];
  test.each(fine.map(([what, entries, more = {}]) => [what, entries, more] as const))(
    "%s",
    (_what, entries, more) => {
      expect(judge(told.historyOf([...begin, ...entries, ...stop], more))).toEqual([]);
    },
  );

  test("a task that its worker's successor tells of", () => {
    const entries = [...begin, assigned(), claimed(), wrote("start"), ...followed];
    const ends = [wrote("end", { status: 5 }), failed("agent_invocation", 5, second), ...stopSecond];
    expect(rulesBroken([...entries, ...ends])).toEqual([]);
  });

  test("an exit status of a moment in which the worker was killed", () => {
    const left = { ...told.NOTHING_LEFT, exits: [{ name: "x", at: 650 }] };
    const entries = [...begin, assigned(), claimed(), ...ran(5), STATUS_5, ...followed, ...stopSecond];
    expect(rulesBroken(entries, { left })).toEqual([]);
  });

  test("one that was killed while it was begun", () => {
    expect(
      rulesBroken([...begin, assigned(), claimed(), ...followed, neverBegun(second), ...stopSecond]),
    ).toEqual([]);
  });

  // Worker 3 follows both: of e0 it knows the end that 1 told of, and that 2 was about to run it once more.
  test("one that was run, was read of, and was killed while another worker began it anew", () => {
    const [own, third] = [{ worker: 2 }, { worker: 3 }];
    const entries = [
      ...[...begin, started(2), opened(own)],
      ...[assigned(), claimed(), ...ran(5), STATUS_5],
      ...[assigned({ executionId: "e1", ...own }), claimed(own), ...ran(6, asOther)],
      failed("agent_invocation", 6, own),
      ...[assigned(own), claimed(own)],
      ...[signalled("SIGKILL"), signalled("SIGKILL", 2), exited(1, 137), exited(2, 137)],
      ...[started(3), opened(third), neverBegun(third)],
      ...[settled, signalled("SIGTERM", 3), exited(3)],
    ];
    const workers = [1, 2, 3].map((worker) => {
      return { worker, journal: "disk", wasInMemory: false, complaints: [] } as const;
    });
    expect(rulesBroken(entries, { tasks: [told.DOUBLE], workers })).toEqual([]);
  });

  test("what is lost with a worker whose journal was in memory", () => {
    const workers = [
      { worker: 1, journal: "memory", wasInMemory: true, complaints: [] },
      { worker: 2, journal: "disk", wasInMemory: false, complaints: [] },
    ] as const;
    expect(rulesBroken([...begin, assigned(), claimed(), ...followed, ...stopSecond], { workers })).toEqual(
      [],
    );
    const onDisk = workers.map((worker) => ({ ...worker, journal: "disk" as const }));
    expect(
      rulesBroken([...begin, assigned(), claimed(), ...followed, ...stopSecond], { workers: onDisk }),
    ).toEqual(["every-claim-ends"]);
  });
});

describe("it is named", () => {
  const wrong: [string, string[], Entry[], Partial<History>?][] = [
    ["an end without a claim", ["claimed-first"], [assigned(), ...ran(5), STATUS_5]],
    ["an end before the claim", ["claimed-first"], [assigned(), ...ran(5), STATUS_5, claimed()]],
    ["a claim without an end", ["every-claim-ends"], [assigned(), claimed(), wrote("start")]],
    [
      "a second end in other words",
      ["one-end"],
      [
        assigned(),
        assigned(),
        claimed(),
        ...ran(5),
        STATUS_5,
        failed("agent_invocation", 5, { words: "other words" }),
      ],
    ],
    [
      "a claim after a rejection",
      ["rejected", "rejected-truly"],
      [assigned(), rejected(AGAIN), claimed(), ...ran(5), STATUS_5],
    ],
    [
      "an agent that runs after a rejection",
      ["rejected", "told", "rejected-truly"],
      [assigned(), rejected(AGAIN), ...ran(5)],
    ],
    ["two copies on one connection", ["copies"], [assigned(), claimed(), ...ran(5), STATUS_5, STATUS_5]],
    [
      "a proven end that is told again",
      ["proven"],
      [
        assigned(),
        claimed(),
        ...ran(5),
        STATUS_5,
        pinged(),
        pinged(),
        opened({ connection: 2 }),
        failed("agent_invocation", 5, { connection: 2 }),
      ],
    ],
    ["an assignment that was read and not answered", ["answered"], [assigned(), ...fence()]],
    ["a type that nobody knows", ["type"], [assigned(), { ...claimed(), type: "task_lost" } as Entry]],
  ];
  const untrue: [string, string[], Entry[], Partial<History>?][] = [
    ["a success of an agent that failed", ["true", "told"], [assigned(), claimed(), ...ran(5), completed()]],
    [
      "a success of an agent that never ended",
      ["true"],
      [assigned(), claimed(), wrote("start"), completed()],
    ],
    [
      "a success of an agent that was told to end",
      ["true"],
      [assigned(), claimed(), wrote("start"), wrote("term"), wrote("end", { status: 0 }), completed()],
    ],
    [
      "a status that is not the agent's",
      ["true", "told"],
      [assigned(), claimed(), ...ran(5), failed("agent_invocation", 6)],
    ],
    [
      "a lost status without a reason",
      ["true", "told"],
      [assigned(), claimed(), ...ran(5), failed("agent_invocation")],
    ],
    [
      "a cancellation that nobody asked for",
      ["true", "told"],
      [assigned(), claimed(), ...ran(5), toldCancelled()],
    ],
    [
      "a cancellation that was asked for only later",
      ["true"],
      [assigned(), claimed(), wrote("start"), toldCancelled(), cancelled()],
    ],
    [
      "a shutdown that nobody asked for",
      ["true", "told"],
      [assigned(), claimed(), ...ran(5), failed("graceful_shutdown")],
    ],
    [
      "a setup command that does not fail",
      ["true"],
      [assigned(), claimed(), failed("setup_command")],
      { hooks: true },
    ],
    [
      "a task that was over time, where there is no limit, or before it was over",
      ["true"],
      [assigned(), claimed(), wrote("start"), failed("task_timeout")],
    ],
    [
      "a task that had ended in time, and is called over time",
      ["true", "told"],
      [assigned(), claimed(), ...ran(5), failed("task_timeout")],
      { maxTaskMs: 2_000 },
    ],
    ["a reason that cannot be", ["true"], [assigned(), claimed(), failed("workspace_setup")]],
    [
      "a task that was never begun although no worker was killed",
      ["true"],
      [assigned(), claimed(), neverBegun()],
    ],
    [
      "a cancellation that was read and not heeded",
      ["cancelled"],
      [assigned(), claimed(), wrote("start"), cancelled(), ...fence(), wrote("end", { status: 5 }), STATUS_5],
    ],
    [
      "a cancellation that was read, and ended an agent that is called killed",
      ["true", "cancelled"],
      [assigned(), claimed(), wrote("start"), cancelled(), ...fence(), failed("agent_invocation", 143)],
    ],
    [
      "an end of which nobody told",
      ["told"],
      [
        ...[assigned(), claimed(), ...ran(5), assigned({ executionId: "e1" }), claimed(), ...ran(6, asOther)],
        failed("agent_invocation", 6),
      ],
      { tasks: [told.DOUBLE] },
    ],
    [
      "a rejection for a limit that there is not",
      ["rejected-truly"],
      [assigned(), rejected("worker at maximum concurrency")],
    ],
    [
      "a rejection for a stop that nobody asked for",
      ["rejected-truly"],
      [assigned(), rejected("worker is shutting down")],
    ],
    ["a rejection for words of its own", ["rejected-truly"], [assigned(), rejected("no")]],
  ];
  const ledger: [string, string[], Entry[], Partial<History>?][] = [
    [
      "an execution that ran twice",
      ["one-run", "delivered"],
      [assigned(), claimed(), ...ran(5), ...ran(5, { pid: 200 }), STATUS_5],
    ],
    [
      "two executions of a task at once",
      ["one-at-a-time"],
      [
        ...[
          assigned(),
          claimed(),
          assigned({ executionId: "e1" }),
          claimed(),
          wrote("start"),
          ...ran(6, asOther),
        ],
        ...[wrote("end", { status: 5 }), failed("agent_invocation", 6), STATUS_5],
      ],
      { tasks: [told.DOUBLE] },
    ],
    [
      "a workspace that was taken away",
      ["robbed"],
      [assigned(), claimed(), wrote("start"), wrote("robbed"), wrote("end", { status: 5 }), STATUS_5],
    ],
    [
      "an end that was told before the teardown",
      ["torn-down"],
      [assigned(), claimed(), ...ran(5), STATUS_5, wrote("teardown")],
      { hooks: true },
    ],
    ["a process that is left", ["left"], [], { left: { ...told.NOTHING_LEFT, processes: ["1 (sleep)"] } }],
    [
      "a workspace that is left",
      ["left"],
      [assigned(), claimed(), ...ran(5), STATUS_5],
      { left: { ...told.NOTHING_LEFT, workspaces: ["t"] } },
    ],
    ["a frame that is owed", ["left"], [], { left: { ...told.NOTHING_LEFT, journal: ["owed: x"] } }],
    [
      "an exit status that is left, although no worker was killed then",
      ["left"],
      [],
      { left: { ...told.NOTHING_LEFT, exits: [{ name: "x", at: 300 }] } },
    ],
    [
      "a mistake in the log",
      ["log"],
      [],
      { workers: [{ worker: 1, journal: "disk", wasInMemory: false, complaints: ["unexpected error"] }] },
    ],
  ];
  const all = [...wrong, ...untrue, ...ledger].map(
    ([what, rules, entries, more = {}]) => [what, rules, entries, more] as const,
  );
  test.each(all)("%s", (_what, rules, entries, more) => {
    expect(rulesBroken([...begin, ...entries, ...stop], more)).toEqual(rules);
  });

  test("a task that is stopped by a worker that was asked to drain, which may reject one, and end", () => {
    const drains = [...begin, assigned(), claimed(), wrote("start"), signalled("SIGQUIT")];
    const stopped = [wrote("term"), failed("graceful_shutdown"), settled, exited(1, 0)];
    expect(rulesBroken([...drains, ...stopped])).toEqual(["true"]);
    const ends = [wrote("end", { status: 5 }), failed("agent_invocation", 5), settled, exited(1, 0)];
    expect(rulesBroken([...drains, ...ends])).toEqual([]);
    const rejects = [assigned(), rejected("worker is shutting down"), settled, exited(1, 0)];
    expect(rulesBroken([...begin, signalled("SIGQUIT"), ...rejects])).toEqual([]);
  });

  test("a worker that ends by itself", () => {
    expect(rulesBroken([...begin, exited(1, 1)])).toEqual(["exit"]);
    expect(rulesBroken([...begin, exited(1, 0)])).toEqual(["exit"]);
    expect(rulesBroken([...begin, signalled("SIGTERM"), exited(1, 137)])).toEqual(["exit"]);
  });

  test("an execution that ran to its end and is called never begun", () => {
    const entries = [
      ...begin,
      assigned(),
      claimed(),
      ...ran(5),
      ...followed,
      neverBegun(second),
      ...stopSecond,
    ];
    expect(rulesBroken(entries)).toEqual(["true", "told"]);
  });

  test("an execution that a successor runs once more", () => {
    const entries = [...begin, assigned(), claimed(), ...ran(5), ...followed, ...ran(5, { pid: 200 })];
    expect(rulesBroken([...entries, failed("agent_invocation", 5, second), ...stopSecond])).toEqual([
      "one-run",
      "delivered",
    ]);
  });
});

describe("an execution that is given to a second worker beside the first", () => {
  const both: readonly Entry[] = [started(1), opened(), started(2), opened(second)];
  const stopBoth: readonly Entry[] = [
    settled,
    signalled("SIGTERM", 1),
    exited(1),
    signalled("SIGTERM", 2),
    exited(2),
  ];
  const toSecond: readonly Entry[] = [
    assigned(second),
    claimed(second),
    ...ran(5, { pid: 200 }),
    failed("agent_invocation", 5, second),
  ];

  test("may run there when the first was killed", () => {
    const entries = [
      ...both,
      assigned(),
      claimed(),
      wrote("start"),
      signalled("SIGKILL"),
      exited(1, 137),
      ...toSecond,
    ];
    expect(rulesBroken([...entries, ...stopSecond])).toEqual([]);
  });

  test("may leave its workspace to the other when the first was killed", () => {
    const left = { ...told.NOTHING_LEFT, workspaces: ["t"] };
    const killed = [...both, assigned(), claimed(), wrote("start"), signalled("SIGKILL"), exited(1, 137)];
    expect(rulesBroken([...killed, ...toSecond, ...stopSecond], { left })).toEqual([]);
    const entries = [...both, assigned(), claimed(), ...ran(5), STATUS_5, ...stopBoth];
    expect(rulesBroken(entries, { left })).toEqual(["left"]);
  });

  test("may run there when its end was read", () => {
    const entries = [...both, assigned(), claimed(), ...ran(5), STATUS_5, ...toSecond];
    expect(rulesBroken([...entries, ...stopBoth])).toEqual([]);
  });

  test("may not run there while the first lives, and its end was not read", () => {
    const entries = [...both, assigned(), claimed(), ...ran(5), ...toSecond];
    expect(rulesBroken([...entries, ...stopBoth])).toEqual(["one-run"]);
  });
});
