import { describe, expect, setSystemTime, test } from "bun:test";
import { turns } from "../../../src/async/wait.ts";
import type { ExecutionRef } from "../../../src/journal/execution.ts";
import { Journal } from "../../../src/journal/journal.ts";
import { type Backend, type RunContext, TaskFailure } from "../../../src/task/backend.ts";
import { HandedOff } from "../../../src/task/handed-off.ts";
import { UNOBSERVED } from "../../../src/task/observer.ts";
import { recordLog } from "../logging/recorded-log.ts";
import { ScriptedBackend } from "./scripted-backend.ts";

const ref = (taskId: string, executionId = "e") => ({ taskId, executionId });

interface Telling {
  readonly ref: ExecutionRef;
  readonly context: RunContext;
  succeed(): void;
  fail(error: unknown): void;
}

/** Two runs without an execution id are told apart by when they were claimed. */
class ClockOfTest implements Disposable {
  #now = Date.now();

  later(): void {
    this.#now += 1_000;
    setSystemTime(this.#now);
  }

  [Symbol.dispose](): void {
    setSystemTime();
  }
}

/** A backend that passes cancellations on when the test says so. */
class Rig implements Disposable {
  readonly log = recordLog();
  readonly journal = new Journal(null, this.log);
  readonly tellings: Telling[] = [];
  readonly hurry = new AbortController();
  /** What whoever watches was told of cancellations that failed. */
  readonly failures: unknown[] = [];
  readonly handedOff: HandedOff;

  constructor(backend: Backend = this.#backend()) {
    const { log, journal } = this;
    const cancelFailed = (...told: unknown[]) => void this.failures.push(told);
    const observer = { ...UNOBSERVED, cancelFailed };
    this.handedOff = new HandedOff({ backend, journal, log, observer, hurry: this.hurry.signal });
  }

  handOff(...refs: readonly ExecutionRef[]): void {
    for (const each of refs) {
      this.journal.claim(each, "claimed");
      this.journal.end(each, null);
    }
  }

  [Symbol.dispose](): void {
    this.journal[Symbol.dispose]();
  }

  #backend(): Backend {
    return Object.assign(new ScriptedBackend(), {
      cancelHandedOff: (told: ExecutionRef, context: RunContext) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.tellings.push({ ref: told, context, succeed: resolve, fail: reject });
        return promise;
      },
    });
  }
}

describe("a cancellation of a task that was handed off", () => {
  test("reaches every execution of it, and no other task's", async () => {
    using rig = new Rig();
    rig.handOff(ref("t", "e1"), ref("t", "e2"), ref("other"));
    rig.handedOff.cancel("t");
    expect(rig.tellings.map((each) => each.ref)).toEqual([ref("t", "e1"), ref("t", "e2")]);
    for (const each of rig.tellings) each.succeed();
    await rig.handedOff.settled();
    expect(rig.log.said("info").filter((said) => said === "cancellation passed on")).toHaveLength(2);
  });

  test("that comes again while the first is underway is the same one", async () => {
    using rig = new Rig();
    rig.handOff(ref("t"));
    rig.handedOff.cancel("t");
    rig.handedOff.cancel("t");
    rig.tellings[0]?.succeed();
    await rig.handedOff.settled();
    expect(rig.tellings).toHaveLength(1);
  });

  // The command may take a minute, and a user who starts the task anew and stops that too does not wait for it: the
  // engine was once left running the second, of whose cancellation not even the log knew.
  test("reaches a later execution, too, while an earlier one's is still underway", async () => {
    using rig = new Rig();
    rig.handOff(ref("t", "e1"));
    rig.handedOff.cancel("t");
    rig.handOff(ref("t", "e2"));
    rig.handedOff.cancel("t");
    expect(rig.tellings.map((each) => each.ref.executionId)).toEqual(["e1", "e2"]);
    let settled = false;
    const wait = rig.handedOff.settled().then(() => {
      settled = true;
    });
    rig.tellings[0]?.succeed();
    await turns(1);
    expect(settled).toBe(false);
    rig.tellings[1]?.succeed();
    await wait;
  });

  test.each([
    ["got through", (first: Telling | undefined) => first?.succeed()],
    ["failed", (first: Telling | undefined) => first?.fail(new Error("engine is down"))],
  ])(
    "of a task without an execution id says nothing of its later run: the earlier run's %s",
    async (_what, conclude) => {
      using rig = new Rig();
      using clock = new ClockOfTest();
      rig.handOff(ref("t", ""));
      rig.handedOff.cancel("t");
      clock.later();
      rig.handOff(ref("t", ""));
      rig.handedOff.cancel("t");
      expect(rig.tellings).toHaveLength(2);
      conclude(rig.tellings[0]);
      await turns(1);
      // What a worker would find that came after one killed now.
      expect(rig.journal.beingCancelled()).toMatchObject([{ taskId: "t", handle: null }]);
      rig.tellings[1]?.succeed();
      await rig.handedOff.settled();
      clock.later();
      rig.handOff(ref("t", ""));
      rig.handedOff.cancel("t");
      expect(rig.tellings).toHaveLength(3);
    },
  );

  test("is not passed on again once it got through, by a later worker on the same journal either", async () => {
    using rig = new Rig();
    rig.handOff(ref("t"));
    rig.handedOff.cancel("t");
    rig.tellings[0]?.succeed();
    await rig.handedOff.settled();
    const { log, journal } = rig;
    const backend = new ScriptedBackend();
    const later = new HandedOff({ backend, journal, log, observer: UNOBSERVED, hurry: rig.hurry.signal });
    expect([rig.handedOff.cancel("t"), later.cancel("t")]).toEqual([false, false]);
    expect(rig.tellings).toHaveLength(1);
  });

  test("is passed on again after it failed, to those alone which were not told", async () => {
    using rig = new Rig();
    rig.handOff(ref("t", "e1"), ref("t", "e2"));
    rig.handedOff.cancel("t");
    rig.tellings[0]?.succeed();
    rig.tellings[1]?.fail(new TaskFailure("cancel_command", "engine is down"));
    await rig.handedOff.settled();
    rig.handedOff.cancel("t");
    expect(rig.tellings.map((each) => each.ref.executionId)).toEqual(["e1", "e2", "e2"]);
    rig.tellings[2]?.succeed();
    await rig.handedOff.settled();
  });

  test.each([
    ["a TaskFailure", new TaskFailure("cancel_command", "engine is down"), "engine is down"],
    ["any error", new Error("broken"), "broken"],
    ["anything else", "words", "words"],
  ])(
    "that fails with %s is a warning with its words, and nothing else breaks",
    async (_what, thrown, why) => {
      using rig = new Rig();
      rig.handOff(ref("t"));
      rig.handedOff.cancel("t");
      rig.tellings[0]?.fail(thrown);
      await rig.handedOff.settled();
      const fields = { taskId: "t", reason: "cancel_command", why };
      expect(rig.log.lines.filter(({ level }) => level === "warn")).toEqual([
        { level: "warn", message: "cancellation could not be passed on", fields },
      ]);
      expect(rig.failures).toEqual([[ref("t"), "cancel_command", why]]);
    },
  );

  test("reaches nobody when nobody knows the task, when it still runs, and when its end was reported", () => {
    using rig = new Rig();
    rig.journal.claim(ref("running"), "claimed");
    rig.journal.claim(ref("reported"), "claimed");
    rig.journal.end(ref("reported"), "completed");
    const told = ["stranger", "running", "reported"].map((taskId) => rig.handedOff.cancel(taskId));
    expect(told).toEqual([false, false, false]);
    expect(rig.tellings).toEqual([]);
  });

  // A Job or a container that is another worker's by now ends here without a report, too. Once the log said of its
  // cancellation that it was passed on, which nobody had done.
  test("is that other worker's where a backend hands nothing off", async () => {
    using rig = new Rig(new ScriptedBackend());
    rig.handOff(ref("t"));
    expect(rig.handedOff.cancel("t")).toBe(false);
    await rig.handedOff.settled();
    expect(rig.log.said("info")).toEqual([]);
    expect(rig.journal.beingCancelled()).toEqual([]);
  });

  test("whose worker was killed in the middle of it is passed on by the next, and not a third time", async () => {
    using rig = new Rig();
    rig.handOff(ref("t", "e1"), ref("t", "e2"), ref("other"));
    rig.handedOff.cancel("t");
    rig.tellings[0]?.succeed();
    await Promise.resolve();
    rig.handedOff.recover();
    expect(rig.tellings.map((each) => each.ref.executionId)).toEqual(["e1", "e2", "e2"]);
    rig.tellings[2]?.succeed();
    rig.tellings[1]?.succeed();
    await rig.handedOff.settled();
    rig.handedOff.recover();
    expect(rig.tellings).toHaveLength(3);
  });

  test("that failed is its user's to ask for again; one that a stop cut short is the next worker's", async () => {
    using rig = new Rig();
    rig.handOff(ref("failed"), ref("cut"));
    rig.handedOff.cancel("failed");
    rig.tellings[0]?.fail(new TaskFailure("cancel_command", "engine is down"));
    await rig.handedOff.settled();
    rig.handedOff.cancel("cut");
    rig.hurry.abort();
    rig.tellings[1]?.fail(new TaskFailure("cancel_command", "the worker had to stop"));
    await rig.handedOff.settled();
    expect(rig.journal.beingCancelled().map(({ taskId }) => taskId)).toEqual(["cut"]);
  });

  test("is waited for by a stop, which may hurry it", async () => {
    using rig = new Rig();
    rig.handOff(ref("t"));
    rig.handedOff.cancel("t");
    const { context } = rig.tellings[0] ?? {};
    expect([context?.signal.aborted, context?.hurry.aborted]).toEqual([false, false]);
    let settled = false;
    const wait = rig.handedOff.settled().then(() => {
      settled = true;
    });
    rig.hurry.abort();
    expect([context?.signal.aborted, context?.hurry.aborted, settled]).toEqual([true, true, false]);
    rig.tellings[0]?.fail(new TaskFailure("cancel_command", "stopped"));
    await wait;
    expect(settled).toBe(true);
  });
});
