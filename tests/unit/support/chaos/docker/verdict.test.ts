/** The judge of campaigns against an engine: a history in which all is well is let pass, and each kind of wrong is named. */
import { describe, expect, test } from "bun:test";
import { judge } from "../../../../support/chaos/docker/checker/verdict.ts";
import type { DockerHistory } from "../../../../support/chaos/docker/history.ts";
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
import { type Entry, engine, meddled, pruned, ran, wrote } from "./told-history.ts";

function rulesBroken(entries: readonly Entry[], more: Partial<DockerHistory> = {}): string[] {
  return judge(told.historyOf(entries, more)).map(({ rule }) => rule);
}

type Case = readonly [what: string, rules: string[], entries: Entry[], more?: Partial<DockerHistory>];

const begin: readonly Entry[] = [started(), opened()];
const stop: readonly Entry[] = [settled, signalled("SIGTERM"), exited()];
const given: readonly Entry[] = [assigned(), claimed()];
const STATUS_5 = failed("container_exit", 5);
const second = { worker: 2 } as const;
/** Worker 1 is killed with the task, and worker 2 follows it. */
const followed: readonly Entry[] = [signalled("SIGKILL"), exited(1, 137), started(2), opened(second)];
const stopSecond: readonly Entry[] = [settled, signalled("SIGTERM", 2), exited(2)];
/** Longer than a start may take. */
const LATER = 3_000;
const FORGOTTEN = failed("container_start", null, { words: "id already in use" });

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
    ["one that is cancelled", [], [...given, wrote("start"), cancelled(), toldCancelled()]],
    [
      "one that takes more memory than it may, whatever the engine says of that",
      [],
      [...given, wrote("start"), failed("container_oom", 137)],
      { tasks: [told.GREEDY] },
    ],
    [
      "one whose container was removed",
      [],
      [...given, wrote("start"), meddled("remove"), failed("container_wait")],
    ],
    [
      "one whose container went with its image, as podman has it",
      [],
      [...given, wrote("start"), { kind: "image-removed", image: "i" }, failed("container_wait")],
      { isPodman: true },
    ],
    [
      "one whose container was pruned when it had ended",
      [],
      [...given, ...ran(0), ...pruned("containers", ["c0ffee"]), failed("container_wait")],
    ],
    [
      "one whose container was pruned perhaps, for the engine did not tell",
      [],
      [...given, ...ran(0), ...pruned("containers", null), failed("container_wait")],
    ],
    [
      "one that somebody killed",
      [],
      [...given, wrote("start"), meddled("kill"), failed("container_exit", 137)],
    ],
    [
      "one whose status went with its engine",
      [],
      [...given, ...ran(5), engine("killed"), failed("container_exit", 255)],
    ],
    [
      "an agent that runs once more with an engine that was killed in its start",
      [],
      [...given, wrote("start"), engine("killed"), engine("started"), ...ran(5), STATUS_5],
    ],
    [
      "such an agent that finds there what it left",
      [],
      [
        ...given,
        wrote("start"),
        engine("killed"),
        engine("started"),
        wrote("start"),
        wrote("missing"),
        ...ran(5),
        STATUS_5,
      ],
    ],
    [
      "an agent that runs by itself after such an engine",
      [],
      [...given, wrote("start"), engine("killed"), engine("started"), FORGOTTEN, wrote("tick")],
    ],
    [
      "a start that such an engine refuses, before the agent has written anything down",
      [],
      [...given, engine("killed"), engine("started"), FORGOTTEN],
    ],
    [
      "one that somebody gave a restart policy",
      [],
      [...given, meddled("restart-policy"), ...ran(5), wrote("start"), STATUS_5],
    ],
    [
      "a volume without a name that an engine leaves with which its container is removed",
      [],
      [...given, ...ran(5), engine("killed"), engine("started"), STATUS_5],
      { tasks: [told.WITH_VOLUME], left: { ...told.NOTHING_LEFT, anonymousVolumes: ["x"] } },
    ],
    [
      "a volume without a name that podman left when it removed an image",
      [],
      [...given, ...ran(5), STATUS_5, { kind: "image-removed", image: "i" }],
      {
        tasks: [told.WITH_VOLUME],
        isPodman: true,
        left: { ...told.NOTHING_LEFT, anonymousVolumes: ["x"] },
      },
    ],
    [
      "a sidecar's volume that was pruned, and made empty by an engine that was killed",
      [],
      [...given, ...pruned("volumes", []), ...ran(5), engine("killed"), engine("started"), STATUS_5],
      { left: { ...told.NOTHING_LEFT, volumes: ["registry-agent-cabd53c8ea5d"] } },
    ],
    [
      "one whose sidecar was pruned again and again",
      [],
      [...given, ...[1, 2, 3].flatMap(() => pruned("volumes", ["v"])), failed("sidecar_prep")],
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

  const unheard = failed("unknown", null, {
    ...second,
    words: "the engine knows of no start; it is safe to retry",
  });

  test("one that ran by itself, of which neither its worker nor its engine lived to know", () => {
    const entries = [...begin, ...given, engine("killed"), ...ran(5), ...followed, engine("started")];
    expect(rulesBroken([...entries, unheard, ...stopSecond])).toEqual([]);
    expect(rulesBroken([...entries, neverBegun(second), ...stopSecond])).toEqual(["true"]);
  });

  test("one that was ended as soon as it had begun, for its worker was killed before it heard of that", () => {
    const entries = [...begin, ...given, ...followed, wrote("start"), unheard, ...stopSecond];
    expect(rulesBroken(entries)).toEqual([]);
    const whole = [...begin, ...given, ...followed, ...ran(5), unheard, ...stopSecond];
    expect(rulesBroken(whole)).toEqual(["true", "told"]);
  });

  test("a worker that cannot start while its engine is away", () => {
    const away = [engine("killed"), started(2), exited(2, 1), engine("started")];
    expect(rulesBroken([...begin, ...away, ...stop])).toEqual([]);
  });
});

describe("it is named, as for every backend,", () => {
  check([
    ["an end without a claim", ["claimed-first"], [assigned(), ...ran(5), STATUS_5]],
    ["a claim without an end", ["every-claim-ends"], [...given, wrote("start")]],
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
      "a status that is called unknown although the engine was there",
      ["true", "told"],
      [...given, ...ran(5), failed("container_exit", 255)],
    ],
    [
      "an agent that is called killed although it outlives its engine",
      ["true"],
      [...given, wrote("start"), LATER, engine("killed"), failed("container_exit", 137)],
      { liveRestore: true },
    ],
    [
      "a lack of memory of an agent that takes little",
      ["true"],
      [...given, wrote("start"), failed("container_oom", 137)],
    ],
    ["a cancellation that nobody asked for", ["true", "told"], [...given, ...ran(5), toldCancelled()]],
    [
      "a shutdown that nobody asked for",
      ["true", "told"],
      [...given, ...ran(5), failed("graceful_shutdown")],
    ],
    [
      "a removal with an image, which Docker does not do",
      ["true"],
      [...given, wrote("start"), { kind: "image-removed", image: "i" }, failed("container_wait")],
    ],
    ["a removal that nobody did", ["true", "told"], [...given, ...ran(5), failed("container_wait")]],
    [
      "a removal by a prune that took something else",
      ["true", "told"],
      [...given, ...ran(5), ...pruned("containers", ["d0"]), failed("container_wait")],
    ],
    ["an image that nobody had removed", ["true"], [...given, failed("image_pull")]],
    [
      "an image that was not pulled when an engine came back",
      ["true"],
      [...given, engine("killed"), engine("started"), failed("image_pull")],
    ],
    [
      "a start that failed although no engine was killed while it had the task",
      ["true"],
      [engine("killed"), engine("started"), ...given, FORGOTTEN],
    ],
    ["a start that failed although the agent ran", ["true", "told"], [...given, ...ran(5), FORGOTTEN]],
    ["a reason that is another backend's", ["true"], [...given, ...ran(5), failed("agent_invocation", 5)]],
    ["a task that was never begun although no worker was killed", ["true"], [...given, neverBegun()]],
    [
      "a cancellation that was read and not heeded",
      ["cancelled"],
      [
        ...given,
        wrote("start"),
        cancelled(),
        ...fence(),
        wrote("tick"),
        wrote("end", { status: 5 }),
        STATUS_5,
      ],
    ],
    [
      "an end long before its engine was killed, of which nobody told",
      ["true", "told"],
      [...given, ...ran(5), failed("container_exit", 255), LATER, engine("killed")],
    ],
    [
      "a shutdown of an agent that had ended long before",
      ["told"],
      [...given, ...ran(5), 6_000, signalled("SIGTERM"), failed("graceful_shutdown")],
    ],
  ]);

  test("an execution that ran to its end and is called never begun", () => {
    const entries = [...begin, ...given, ...ran(5), ...followed, neverBegun(second), ...stopSecond];
    expect(rulesBroken(entries)).toEqual(["true", "told"]);
  });
});

describe("of what ran and of what is left it is named", () => {
  check([
    [
      "an execution that ran in two containers",
      ["one-run"],
      [...given, ...ran(5), ...ran(5, { container: "c1" }), STATUS_5],
    ],
    [
      "one that ran twice long after its engine was killed",
      ["one-run"],
      [engine("killed"), engine("started"), LATER, ...given, ...ran(5), ...ran(5), STATUS_5],
    ],
    [
      "one with a restart policy that ran in two containers",
      ["one-run"],
      [...given, meddled("restart-policy"), ...ran(5), ...ran(5, { container: "c1" }), STATUS_5],
    ],
    [
      "an agent without its sidecar",
      ["missing"],
      [...given, wrote("start"), wrote("missing"), wrote("end", { status: 5 }), STATUS_5],
    ],
    [
      "an agent that works on after its end",
      ["worked-on"],
      [...given, wrote("start"), cancelled(), toldCancelled(), wrote("tick")],
    ],
    ...(["containers", "volumes", "anonymousVolumes", "agents", "processes", "journal"] as const).map(
      (where): Case => [
        `what is left of ${where}`,
        ["left"],
        [...given, ...ran(5), STATUS_5],
        { left: { ...told.NOTHING_LEFT, [where]: ["x"] } },
      ],
    ),
    [
      "a volume without a name of a container that no engine was killed with",
      ["left"],
      [engine("killed"), engine("started"), ...given, ...ran(5), STATUS_5],
      { tasks: [told.WITH_VOLUME], left: { ...told.NOTHING_LEFT, anonymousVolumes: ["x"] } },
    ],
    [
      "a mistake in the log",
      ["log"],
      [],
      { workers: [{ worker: 1, journal: "disk", wasInMemory: false, complaints: ["unexpected error"] }] },
    ],
  ]);

  test("a worker that ends by itself, or cannot start although its engine is there", () => {
    expect(rulesBroken([...begin, exited(1, 0)])).toEqual(["exit"]);
    const before = [engine("killed"), engine("started")];
    expect(rulesBroken([...before, started(1), exited(1, 1)])).toEqual(["exit"]);
  });
});
