/** The judge of campaigns against a cluster: a history in which all is well is let pass, and each kind of wrong is named. */
import { describe, expect, test } from "bun:test";
import { judge } from "../../../../support/chaos/kubernetes/checker/verdict.ts";
import type { Stall } from "../../../../support/chaos/kubernetes/happening.ts";
import type { ClusterHistory } from "../../../../support/chaos/kubernetes/history.ts";
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
  rejected,
  settled,
  signalled,
  started,
  toldCancelled,
} from "../told-events.ts";
import * as told from "./told-history.ts";
import { api, type Entry, interfered, ran, wrote } from "./told-history.ts";

function rulesBroken(entries: readonly Entry[], more: Partial<ClusterHistory> = {}): string[] {
  return judge(told.historyOf(entries, more)).map(({ rule }) => rule);
}

type Case = readonly [what: string, rules: string[], entries: Entry[], more?: Partial<ClusterHistory>];

const begin: readonly Entry[] = [started(), opened()];
const stop: readonly Entry[] = [settled, signalled("SIGTERM"), exited()];
const given: readonly Entry[] = [assigned(), claimed()];
const STATUS_5 = failed("container_exit", 5);
const second = { worker: 2 } as const;
const givenAway: readonly Entry[] = [...given, assigned(second), claimed(second)];
/** Worker 1 is killed with the task, and worker 2 follows it. */
const followed: readonly Entry[] = [signalled("SIGKILL"), exited(1, 137), started(2), opened(second)];
const stopSecond: readonly Entry[] = [settled, signalled("SIGTERM", 2), exited(2)];

function check(cases: readonly Case[]): void {
  const all = cases.map(([what, rules, entries, more = {}]) => [what, rules, entries, more] as const);
  test.each(all)("%s", (_what, rules, entries, more) => {
    expect(rulesBroken([...begin, ...entries, ...stop], more)).toEqual(rules);
  });
}

describe("nothing is held against", () => {
  check([
    ["a task that is claimed, runs and fails", [], [...given, ...ran(5), STATUS_5]],
    ["one that ends well", [], [...given, ...ran(0), completed()]],
    ["one that nobody has read of", [], [assigned()]],
    ["one that is cancelled", [], [...given, wrote("start"), cancelled(), wrote("term"), toldCancelled()]],
    ["one without an image", [], [...given, failed("image_pull")], { tasks: [told.WITHOUT_IMAGE] }],
    [
      "one whose Job somebody deleted, and whose agent works on for its grace period",
      [],
      [...given, wrote("start"), interfered("delete-job"), failed("job_failed"), wrote("tick")],
    ],
    [
      "one whose pod somebody deleted",
      [],
      [...given, wrote("start"), interfered("delete-pod"), wrote("term"), failed("container_exit", 143)],
    ],
    [
      "one that was suspended and resumed",
      [],
      [
        ...[...given, wrote("start"), interfered("suspend"), interfered("resume")],
        ...[wrote("start", { pod: "p1" }), failed("job_failed")],
      ],
    ],
    [
      "the end of a failed one that two workers tell in the words of two moments",
      [],
      [...givenAway, ...ran(5), STATUS_5, failed("container_exit", 5, { ...second, words: "phase Failed" })],
    ],
    [
      "one that ended well and was given to a second worker before that was read",
      [],
      [...givenAway, ...ran(0), completed(), ...ran(5, { pod: "p1" }), failed("container_exit", 5, second)],
    ],
  ]);

  test("a task that its worker's successor tells of", () => {
    const entries = [...begin, ...given, wrote("start"), ...followed];
    const ends = [wrote("end", { status: 5 }), failed("container_exit", 5, second), ...stopSecond];
    expect(rulesBroken([...entries, ...ends])).toEqual([]);
  });

  test("one that was killed while it was begun", () => {
    expect(rulesBroken([...begin, ...given, ...followed, neverBegun(second), ...stopSecond])).toEqual([]);
  });

  test("one that ended well, and that a second worker was killed with before it ran it once more", () => {
    const entries = [...begin, ...givenAway, ...ran(0), completed(), ...followed];
    expect(rulesBroken([...entries, neverBegun(second), ...stopSecond])).toEqual([]);
  });

  test("a worker that cannot start while the API server is away", () => {
    const away = [api("leave"), started(2), exited(2, 1), api("return")];
    expect(rulesBroken([...begin, ...away, ...stop])).toEqual([]);
  });

  test("the preflight of a worker that was killed in it", () => {
    const left = { ...told.NOTHING_LEFT, preflights: ["x"] };
    const killed = [started(2), signalled("SIGKILL", 2), exited(2, 137)];
    expect(rulesBroken([...begin, ...killed, ...stop], { left })).toEqual([]);
    expect(rulesBroken([...begin, ...stop], { left })).toEqual(["left"]);
  });
});

/** Moments are 100 ms apart. */
const waits = (seconds: number): Entry[] => Array.from({ length: seconds * 10 }, () => wrote("tick"));
const LATE = failed("active_deadline");
const withDeadline = { deadlineSeconds: 6 } as const;

describe("of a Job that has a deadline nothing is held against", () => {
  check([
    [
      "an agent that is killed at it",
      [],
      [...given, wrote("start"), ...waits(6), wrote("term"), LATE],
      withDeadline,
    ],
    ["one that ended in time", [], [...given, ...ran(5), STATUS_5], withDeadline],
    ["one that ended shortly before it", [], [...given, ...waits(4), ...ran(5), LATE], withDeadline],
    [
      "one whose pod somebody deleted",
      [],
      [...given, interfered("delete-pod"), ...ran(5), LATE],
      withDeadline,
    ],
  ]);

  test.each([LATE, failed("job_failed")])("whoever was given it when its agent had ended", (end) => {
    const entries = [...begin, ...given, ...ran(5), ...followed, { ...end, ...second }, ...stopSecond];
    expect(rulesBroken(entries, withDeadline)).toEqual([]);
  });
});

test("a worker that cannot start while the API server stands still is let pass", () => {
  const stall = (how: Stall): Entry => ({ kind: "stalled", program: "kube-apiserver", how });
  const stalled = [stall("stop"), started(2), exited(2, 1), stall("continue")];
  expect(rulesBroken([...begin, ...stalled, ...stop])).toEqual([]);
  const after = [stall("stop"), stall("continue"), started(2), exited(2, 1)];
  expect(rulesBroken([...begin, ...after, ...stop])).toEqual(["exit"]);
});

describe("it is named, as for every backend,", () => {
  check([
    ["an end without a claim", ["claimed-first"], [assigned(), ...ran(5), STATUS_5]],
    ["a claim without an end", ["every-claim-ends"], [...given, wrote("start")]],
    ["a claim of two workers without an end", ["every-claim-ends"], [...givenAway, wrote("start")]],
    [
      "a second end in other words",
      ["one-end"],
      [assigned(), ...given, ...ran(5), STATUS_5, failed("container_exit", 5, { words: "other words" })],
    ],
    ["an assignment that was read and not answered", ["answered"], [assigned(), ...fence()]],
    [
      "a rejection for a limit that there is not",
      ["rejected-truly"],
      [assigned(), rejected("worker at maximum concurrency")],
    ],
    [
      "a rejection for an execution that there is not",
      ["rejected-truly"],
      [assigned(), rejected("another execution of this task is still running")],
    ],
  ]);
});

describe("it is named", () => {
  check([
    ["a success of an agent that failed", ["true", "told"], [...given, ...ran(5), completed()]],
    ["a success of an agent that never ended", ["true"], [...given, wrote("start"), completed()]],
    [
      "a success of an agent that was told to end",
      ["true"],
      [...given, wrote("start"), wrote("term"), wrote("end", { status: 0 }), completed()],
    ],
    [
      "a status that is not the agent's",
      ["true", "told"],
      [...given, ...ran(5), failed("container_exit", 6)],
    ],
    [
      "a status that nobody is the cause of",
      ["true"],
      [...given, wrote("start"), failed("container_exit", 137)],
    ],
    [
      "an end of an agent that was told to, and by nobody who may",
      ["true"],
      [...given, wrote("start"), wrote("term"), wrote("end", { status: 143 }), failed("container_exit", 143)],
    ],
    ["a cancellation that nobody asked for", ["true", "told"], [...given, ...ran(5), toldCancelled()]],
    ["a Job that nobody has touched", ["true", "told"], [...given, ...ran(5), failed("job_failed")]],
    ["a deadline of a Job that has none", ["true"], [...given, ...ran(5), LATE]],
    ["a deadline of an agent that had ended in time", ["true"], [...given, ...ran(5), LATE], withDeadline],
    [
      "a Job with a deadline that nobody has touched",
      ["true", "told"],
      [...given, ...ran(5), failed("job_failed")],
      withDeadline,
    ],
    ["an image that is there", ["true"], [...given, failed("image_pull")]],
    ["a reason that nothing is a reason for", ["true"], [...given, wrote("start"), failed("job_watch")]],
    ["a task that was never begun although no worker was killed", ["true"], [...given, neverBegun()]],
    [
      "a Secret that is missing although no worker was killed",
      ["true"],
      [...given, failed("container_create")],
    ],
    [
      "a cancellation that was read and not heeded",
      ["cancelled"],
      [
        ...[...given, wrote("start"), cancelled(), ...fence()],
        ...[wrote("tick"), wrote("end", { status: 5 }), STATUS_5],
      ],
    ],
    [
      "two ends of a failed one that two workers were given",
      ["one-end", "true"],
      [...givenAway, ...ran(5), STATUS_5, failed("job_failed", null, second)],
    ],
  ]);

  test("an execution that ran to its end and is called never begun", () => {
    const entries = [...begin, ...given, ...ran(5), ...followed, neverBegun(second), ...stopSecond];
    expect(rulesBroken(entries)).toEqual(["true", "told"]);
  });

  test("one that is called never begun without words that say so", () => {
    const entries = [...begin, ...given, ...followed, failed("unknown", null, second), ...stopSecond];
    expect(rulesBroken(entries)).toEqual(["true"]);
  });
});

describe("of what ran and of what is left it is named", () => {
  check([
    [
      "an execution that ran in two pods",
      ["one-run"],
      [...given, ...ran(5), ...ran(5, { pod: "p1" }), STATUS_5],
    ],
    [
      "one that ran twice although its Job was only suspended",
      ["one-run"],
      [...given, interfered("suspend"), ...ran(5), ...ran(5, { pod: "p1" }), STATUS_5],
    ],
    [
      "a failed one that a second worker ran once more",
      ["one-run", "worked-on"],
      [...givenAway, ...ran(5), STATUS_5, ...ran(5, { pod: "p1" })],
    ],
    [
      "one that two workers ran at the same time",
      ["one-at-a-time"],
      [
        ...[...givenAway, wrote("start"), wrote("start", { pod: "p1" })],
        ...[wrote("end", { status: 0 }), completed()],
      ],
    ],
    [
      "an agent that works on after its end",
      ["worked-on"],
      [...given, wrote("start"), cancelled(), toldCancelled(), wrote("tick")],
    ],
    ...(["jobs", "pods", "secrets", "preflights", "processes", "temporary", "journal"] as const).map(
      (where): Case => [
        `what is left of ${where}`,
        ["left"],
        [...given, ...ran(5), STATUS_5],
        { left: { ...told.NOTHING_LEFT, [where]: ["x"] } },
      ],
    ),
    [
      "a mistake in the log",
      ["log"],
      [],
      { workers: [{ worker: 1, journal: "disk", wasInMemory: false, complaints: ["unexpected error"] }] },
    ],
  ]);

  test("a worker that ends by itself, or cannot start although the API server is there", () => {
    expect(rulesBroken([...begin, exited(1, 0)])).toEqual(["exit"]);
    const before = [api("leave"), api("return")];
    expect(rulesBroken([...before, started(1), exited(1, 1)])).toEqual(["exit"]);
  });
});
