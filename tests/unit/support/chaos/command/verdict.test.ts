/** The judge of campaigns with the Command backend: where all is well it says nothing, and each kind of wrong is named. */
import { describe, expect, test } from "bun:test";
import { judge } from "../../../../support/chaos/command/checker/verdict.ts";
import type { CommandHistory } from "../../../../support/chaos/command/history.ts";
import type { Happening } from "../../../../support/chaos/history.ts";
import {
  assigned,
  cancelled,
  claimed,
  completed,
  exited,
  failed,
  fence,
  opened,
  pinged,
  rejected,
  settled,
  shimKilled,
  signalled,
  started,
  toldCancelled,
} from "../told-events.ts";
import { NOTHING_LEFT } from "../told-history.ts";
import {
  begin,
  dispatched,
  type Entry,
  historyOf,
  NAMELESS,
  stop,
  toldEngine,
  wrote,
} from "./told-dispatches.ts";

function rulesBroken(entries: readonly Entry[], more: Partial<CommandHistory> = {}): string[] {
  return judge(historyOf(entries, more)).map(({ rule }) => rule);
}

const given: readonly Entry[] = [...begin, assigned(), claimed()];
const second = { worker: 2 } as const;
const AGAIN = "another execution of this task is still running";
/** Worker 1 is killed with the task, and worker 2 follows it. */
const followed: readonly Happening[] = [
  signalled("SIGKILL"),
  exited(1, 137),
  started(2),
  opened({ worker: 2 }),
];
const stopSecond: readonly Happening[] = [settled, signalled("SIGTERM", 2), exited(2)];
const failure = (words: string, where: { worker?: number } = {}) =>
  failed("dispatch_command", null, { words, ...where });
const SAFE = "it is safe to retry";
const UNHEARD = "nobody knows whether dispatch_command was run";
const UNKNOWN = "nobody knows how dispatch_command ended";

describe("nothing is held against", () => {
  const fine: [string, Entry[], Partial<CommandHistory>?][] = [
    ["a task that is handed over", dispatched(0)],
    ["one that is, and is offered again", [...dispatched(0), assigned(), claimed()]],
    ["one that fails", [...dispatched(5), failed("dispatch_command", 5)]],
    ["one that is cancelled when the engine has it", [...dispatched(0), cancelled(), ...toldEngine(0)]],
    [
      "one whose cancellation fails at first",
      [...dispatched(0), cancelled(), ...toldEngine(3), cancelled(), ...toldEngine(0)],
    ],
    [
      "one that is cancelled before",
      [wrote("begin"), cancelled(), wrote("term"), wrote("end", { status: 143 }), toldCancelled()],
    ],
    [
      "one that is cancelled before, and handed over all the same",
      [
        ...[wrote("begin"), cancelled(), wrote("term"), wrote("end", { status: 0 })],
        ...[...toldEngine(0), toldCancelled()],
      ],
    ],
    ["one that is over time", [wrote("begin"), wrote("term"), failed("dispatch_timeout")]],
    [
      "one that is given anew without an id",
      [
        ...dispatched(0, { executionId: null }),
        assigned({ executionId: null }),
        claimed(),
        ...dispatched(0, { executionId: null, pid: 200 }),
      ],
      { tasks: [NAMELESS] },
    ],
    ["an end that is lost with the shim", [wrote("begin"), shimKilled(), failure(UNKNOWN)]],
    [
      "what a dispatch that was told to end had read",
      [wrote("begin"), cancelled(), wrote("term"), wrote("end", { status: 143 }), toldCancelled()],
      { wrongPayloads: [{ taskId: "t", executionId: "e0", pid: 100, what: "cut off" }] },
    ],
  ];
  test.each(fine.map(([what, entries, more = {}]) => [what, entries, more] as const))(
    "%s",
    (_what, entries, more) => {
      expect(judge(historyOf([...given, ...entries, ...stop], more))).toEqual([]);
    },
  );

  const ofKilled: [string, Entry[], Entry[]][] = [
    ["handed over, while nobody looked", [wrote("begin")], [wrote("end", { status: 0 })]],
    ["not dispatched", [], [failure(SAFE, second)]],
    ["perhaps not dispatched", [], [failure(UNHEARD, second)]],
    [
      "perhaps dispatched, for its shim was killed, too",
      [wrote("begin"), shimKilled()],
      [failure(UNHEARD, second)],
    ],
  ];
  test.each(ofKilled)("a task whose worker was killed: %s", (_what, before, after) => {
    expect(rulesBroken([...given, ...before, ...followed, ...after, ...stopSecond])).toEqual([]);
  });

  test("a worker beside a killed one, which dispatches its task anew", () => {
    const both = [started(2), opened(second), ...given, wrote("begin"), signalled("SIGKILL"), exited(1, 137)];
    const anew = [
      wrote("end", { status: 5 }),
      assigned(second),
      claimed(second),
      ...dispatched(0, { pid: 200 }),
    ];
    expect(rulesBroken([...both, ...anew, ...stopSecond])).toEqual([]);
  });
});

describe("it is named", () => {
  const wire: [string, string[], Entry[], Partial<CommandHistory>?][] = [
    ["a claim that comes to nothing", ["every-claim-ends"], [wrote("begin")]],
    [
      "a second end in other words",
      ["one-end"],
      [
        ...dispatched(5),
        failed("dispatch_command", 5),
        assigned(),
        failed("dispatch_command", 5, { words: "other" }),
      ],
    ],
    [
      "an assignment that was read and not answered",
      ["answered"],
      [...dispatched(0), assigned(), ...fence()],
    ],
    ["a rejection for words of its own", ["rejected-truly"], [...dispatched(0), assigned(), rejected("no")]],
    [
      "a rejection for another worker, where there is none",
      ["rejected-truly"],
      [...dispatched(0), assigned(), rejected(AGAIN)],
    ],
    [
      "a secret in a message",
      ["secret"],
      [...dispatched(5), failed("dispatch_command", 5, { words: "sesame" })],
    ],
  ];
  const untrue: [string, string[], Entry[], Partial<CommandHistory>?][] = [
    [
      "a success, which its runtime alone may tell of",
      ["true", "handed-over"],
      [...dispatched(0), completed()],
    ],
    ["a status that is no dispatch's", ["true", "told"], [...dispatched(5), failed("dispatch_command", 6)]],
    [
      "a failure of what the engine has",
      ["true", "handed-over"],
      [...dispatched(0), failed("dispatch_command", 5)],
    ],
    ["a cancellation that nobody asked for", ["true", "told"], [...dispatched(5), toldCancelled()]],
    ["a shutdown that nobody asked for", ["true", "told"], [...dispatched(5), failed("graceful_shutdown")]],
    ["an end that nobody knows, where no shim was killed", ["true"], [wrote("begin"), failure(UNKNOWN)]],
    ["a dispatch that nobody knows, where no worker was killed", ["true"], [failure(UNHEARD)]],
    ["one that is called not begun, where no worker was killed", ["true"], [failure(SAFE)]],
    ["a failure in other words", ["true"], [failure("no")]],
    [
      "a dispatch that ended in time, and is called over time",
      ["true", "told"],
      [...dispatched(5), failed("dispatch_timeout")],
    ],
    ["a task that is over time, where there is no limit", ["true"], [wrote("begin"), failed("task_timeout")]],
    [
      "a task that ended in time, and is called over its own",
      ["true"],
      [...dispatched(5), failed("task_timeout")],
      { maxTaskMs: 2_000 },
    ],
    ["a reason that cannot be", ["true"], [wrote("begin"), failed("agent_invocation")]],
    ["an end of which nobody told", ["every-claim-ends", "told"], dispatched(5)],
  ];
  const commands: [string, string[], Entry[], Partial<CommandHistory>?][] = [
    [
      "an execution that is dispatched twice",
      ["one-run", "delivered"],
      [...dispatched(0), ...dispatched(0, { pid: 200 })],
    ],
    [
      "a payload that is not whole",
      ["payload"],
      dispatched(0),
      { wrongPayloads: [{ taskId: "t", executionId: "e0", pid: 100, what: "cut off" }] },
    ],
    [
      "an interrupted dispatch that was handed over, and not taken back",
      ["taken-back"],
      [wrote("begin"), cancelled(), wrote("term"), wrote("end", { status: 0 }), toldCancelled()],
    ],
    [
      "an engine that is told without a cancellation",
      ["cancel-asked-for"],
      [...dispatched(0), ...toldEngine(0)],
    ],
    [
      "an engine that is told of what it never had",
      ["cancel-dispatched"],
      [cancelled(), ...toldEngine(0), toldCancelled()],
    ],
    [
      "an engine that is told again",
      ["cancel-once"],
      [
        ...dispatched(0),
        cancelled(),
        ...toldEngine(0),
        cancelled(),
        settled,
        settled,
        settled,
        ...toldEngine(0, { pid: 400 }),
      ],
    ],
    [
      "a cancellation that was read, and not passed on",
      ["cancel-passed-on"],
      [...dispatched(0), cancelled(), ...fence()],
    ],
  ];
  const left: [string, string[], Entry[], Partial<CommandHistory>?][] = [
    ["a process that is left", ["left"], [], { left: { ...NOTHING_LEFT, processes: ["1 (sleep)"] } }],
    ["a frame that is owed", ["left"], [], { left: { ...NOTHING_LEFT, journal: ["owed: x"] } }],
    ["a claim that is left", ["left"], [], { left: { ...NOTHING_LEFT, state: ["claims/t"] } }],
    [
      "an exit status that is left, although no worker was killed then",
      ["left"],
      [],
      { left: { ...NOTHING_LEFT, exits: [{ name: "x", at: 300 }] } },
    ],
    ["a secret in the log", ["secret"], [], { leaks: ["sesame"] }],
    [
      "a mistake in the log",
      ["log"],
      [],
      { workers: [{ worker: 1, journal: "disk", wasInMemory: false, complaints: ["unexpected error"] }] },
    ],
  ];
  const all = [...wire, ...untrue, ...commands].map(
    ([what, rules, entries, more = {}]) => [what, rules, entries, more] as const,
  );
  test.each(all)("%s", (_what, rules, entries, more) => {
    expect(rulesBroken([...given, ...entries, ...stop], more)).toEqual(rules);
  });
  test.each(left.map(([what, rules, _entries, more = {}]) => [what, rules, more] as const))(
    "%s",
    (_what, rules, more) => {
      expect(rulesBroken([...given, ...dispatched(0), ...stop], more)).toEqual(rules);
    },
  );

  test("a cancellation that only a successor passes on, although the first worker went on for long", () => {
    const long = Array.from({ length: 12 }, () => pinged());
    const late = [...dispatched(0), cancelled(), ...fence(), ...long, ...followed, ...toldEngine(0)];
    expect(rulesBroken([...given, ...late, ...stopSecond])).toEqual(["cancel-passed-on"]);
    const soon = [...dispatched(0), cancelled(), ...fence(), ...followed, ...toldEngine(0)];
    expect(rulesBroken([...given, ...soon, ...stopSecond])).toEqual([]);
  });

  test("a worker that ends by itself", () => {
    expect(rulesBroken([...begin, exited(1, 1)])).toEqual(["exit"]);
  });

  const ofKilled: [string, string[], Entry[], Entry[]][] = [
    ["what was dispatched, and is called not begun", ["true"], [wrote("begin")], [failure(SAFE, second)]],
    ["what its shim knew of, and is called unknown", ["true"], [wrote("begin")], [failure(UNHEARD, second)]],
    ["what its shim knew the end of", ["true"], [wrote("begin")], [failure(UNKNOWN, second)]],
  ];
  test.each(ofKilled)("of a task whose worker was killed: %s", (_what, rules, before, after) => {
    expect(rulesBroken([...given, ...before, ...followed, ...after, ...stopSecond])).toEqual(rules);
  });

  test("an execution that a successor dispatches once more", () => {
    const entries = [...given, ...dispatched(5), ...followed, assigned(second), claimed(second)];
    const again = [...dispatched(5, { pid: 200 }), failed("dispatch_command", 5, second)];
    expect(rulesBroken([...entries, ...again, ...stopSecond])).toEqual(["one-run"]);
    // Another one has come after the first worker, and it alone knows how the first dispatch ended.
    const heir: Entry[] = [started(3), opened({ worker: 3 })];
    const last = [signalled("SIGTERM", 3), exited(3)];
    const beside = [
      ...given,
      ...dispatched(5),
      ...followed,
      ...heir,
      assigned(second),
      claimed(second),
      ...again,
    ];
    expect(rulesBroken([...beside, ...stopSecond, ...last])).toEqual([]);
  });

  test("an execution that a second worker dispatches although the engine has it, whatever became of the first", () => {
    const both = [started(2), opened(second), ...given, ...dispatched(0)];
    const quiet = Array.from({ length: 8 }, () => opened({ worker: 2, connection: 3 }));
    const killed = [...quiet, signalled("SIGKILL"), exited(1, 137)];
    const again = [assigned(second), claimed(second), ...dispatched(0, { pid: 200 })];
    expect(rulesBroken([...both, ...killed, ...again, ...stopSecond])).toEqual(["one-run"]);
    // Killed in that very moment, nobody has seen it end.
    expect(rulesBroken([...both, signalled("SIGKILL"), exited(1, 137), ...again, ...stopSecond])).toEqual([]);
  });
});
