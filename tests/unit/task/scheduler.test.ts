import { afterEach, describe, expect, jest, test } from "bun:test";
import { TAKEN } from "../../../src/journal/execution.ts";
import { encodeOutbound } from "../../../src/protocol/outbound.ts";
import { TaskFailure } from "../../../src/task/backend.ts";
import { sampleAssignment } from "./sample-assignment.ts";
import { cancelled, claimed, completed, rejected, SchedulerRig } from "./scheduler-rig.ts";

const failed = (taskId: string, reason: string, message: string, exitCode?: number) =>
  JSON.stringify({
    type: "task_failed",
    data: { task_id: taskId, message, failure_reason: reason, ...(exitCode ? { exit_code: exitCode } : {}) },
  });

afterEach(() => void jest.useRealTimers());

describe("one task", () => {
  test("is claimed first, then runs, then is reported once", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toEqual([claimed("t-1")]);
    expect(rig.scheduler.activeTasks).toBe(1);
    (await rig.started(1)).end();
    expect(await rig.frames(2)).toEqual([claimed("t-1"), completed("t-1")]);
    expect(rig.scheduler.activeTasks).toBe(0);
    expect(rig.backend.forgotten).toEqual(["t-1"]);
    expect(rig.log.said()).toEqual(["task claimed", "task ended"]);
  });

  test("is in the journal before it runs and its end is there before it is told", async () => {
    const seen: unknown[] = [];
    using rig = new SchedulerRig({
      onStart: () => seen.push(rig.journal.running().map(({ taskId }) => taskId)),
    });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    await rig.frames(2);
    expect(seen).toEqual([["t-1"]]);
    expect(rig.journal.find({ taskId: "t-1", executionId: "exec-t-1" })).toMatchObject({
      ended: true,
      terminal: completed("t-1"),
    });
    expect(rig.journal.undelivered().map(({ frame }) => frame)).toEqual(rig.sent);
  });

  test("that fails is reported with reason and status, and its process is forgotten after that", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).fail(new TaskFailure("agent_invocation", "it exited", { exitCode: 9 }));
    await rig.frames(2);
    expect(rig.sent[1]).toBe(failed("t-1", "agent_invocation", "Failed to execute task: it exited", 9));
    expect(rig.backend.forgotten).toEqual(["t-1"]);
  });

  test.each([true, false])(
    "whose images are not understood runs unless the backend uses images: %p",
    async (usesImages) => {
      using rig = new SchedulerRig({ usesImages });
      rig.scheduler.offer(sampleAssignment({ imageProblem: "docker_image is not a string" }));
      const [first] = await rig.frames(1);
      const problem = "Failed to execute task: cannot read the assignment: docker_image is not a string";
      const refused = { type: "task_failed", taskId: "t-1", message: problem, reason: "unknown" } as const;
      expect(first).toBe(usesImages ? encodeOutbound(refused) : claimed("t-1"));
      expect(rig.backend.reserved).toEqual(usesImages ? [] : ["t-1"]);
    },
  );

  test("runs in images whose names are understood", async () => {
    using rig = new SchedulerRig({ usesImages: true });
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toEqual([claimed("t-1")]);
  });

  test("that cannot be prepared fails by itself and leaves the scheduler as it was", async () => {
    using rig = new SchedulerRig({
      prepare: () => {
        throw new Error("no argv");
      },
    });
    rig.scheduler.offer(sampleAssignment());
    expect(await rig.frames(2)).toEqual([
      claimed("t-1"),
      failed("t-1", "unknown", "Failed to execute task: no argv"),
    ]);
    expect(rig.scheduler.activeTasks).toBe(0);
  });

  test("tells what it does, and since when, to whoever asks for its state", async () => {
    jest.useFakeTimers({ now: 1_000_000 });
    using rig = new SchedulerRig();
    const phaseAfter = (ms: number) => {
      const [status] = rig.scheduler.tasks(1_000_000 + ms);
      return [status?.taskId, status?.phase, status?.ageSeconds];
    };
    rig.scheduler.offer(sampleAssignment());
    const { context } = await rig.started(1);
    expect(phaseAfter(0)).toEqual(["t-1", "starting", 0]);
    const { promise, resolve } = Promise.withResolvers<void>();
    const step = context.step("pull", () => promise);
    expect(phaseAfter(61_000)).toEqual(["t-1", "pull", 61]);
    resolve();
    await step;
    expect(phaseAfter(90_500)).toEqual(["t-1", "working", 90.5]);
    // The clock was set back since.
    expect(phaseAfter(-5_000)).toEqual(["t-1", "working", 0]);
    rig.scheduler.cancel("t-1");
    expect(phaseAfter(100_000)).toEqual(["t-1", "stopping", 100]);
    await rig.ended(1);
    expect(rig.scheduler.tasks()).toEqual([]);
  });

  test("that ended is told of once nothing of it is held any more", async () => {
    const active: number[] = [];
    using rig = new SchedulerRig({ onEnded: () => active.push(rig.scheduler.activeTasks) });
    for (const taskId of ["t-1", "t-2"]) rig.scheduler.offer(sampleAssignment({ taskId }));
    (await rig.started(1)).end();
    await rig.ended(1);
    (await rig.started(2)).fail(new TaskFailure("agent_invocation", "it exited"));
    await rig.ended(2);
    expect(active).toEqual([1, 0]);
  });

  test("that is handed off has no terminal message and frees its slot", async () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 1 });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    rig.scheduler.offer(sampleAssignment({ taskId: "t-2" }));
    expect(rig.sent).toEqual([claimed("t-1"), claimed("t-2")]);
  });

  // A later worker's journal has to know whether another row of the execution may be of whoever it was left to.
  test.each([
    ["to an engine, which can be told of a cancellation", { cancelHandedOff: async () => {} }, null],
    ["to another worker, where there is no engine", {}, TAKEN],
  ])("that is handed off %s, is kept as that", async (_to, more, handle) => {
    using rig = new SchedulerRig();
    Object.assign(rig.backend, more);
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    const ref = { taskId: "t-1", executionId: "exec-t-1" };
    expect(rig.journal.find(ref)).toMatchObject({ ended: true, terminal: null, handle });
  });

  test("has its handle in the journal from the moment that it is saved", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    task.context.saveHandle({ pid: 7 });
    expect(rig.journal.running()[0]?.handle).toEqual({ pid: 7 });
    expect(rig.scheduler.tasks()[0]?.handle).toEqual({ pid: 7 });
  });

  test("has the handle that was planned in the journal before it runs, and is given it", async () => {
    const seen: unknown[] = [];
    const planned = { dir: "/ws/t-1" };
    using rig = new SchedulerRig({
      planned,
      onStart: ({ context }) => seen.push(context.planned, rig.journal.running()[0]?.handle),
    });
    rig.scheduler.offer(sampleAssignment());
    expect(rig.scheduler.tasks()[0]?.handle).toEqual(planned);
    await rig.started(1);
    expect(seen).toEqual([planned, planned]);
  });

  test("never puts a variable's value or the prompt into log or journal", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment({ envVars: { S: "hunter2" }, taskAsReceived: { p: "hunter2" } }));
    (await rig.started(1)).end();
    await rig.frames(2);
    expect(JSON.stringify([rig.log.lines, rig.sent, rig.journal.undelivered()])).not.toContain("hunter2");
  });
});

describe("at the limit", () => {
  test("one more is rejected, and accepted when a slot is free", async () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 2 });
    for (const taskId of ["a", "b", "c"]) rig.scheduler.offer(sampleAssignment({ taskId }));
    expect(rig.sent).toEqual([claimed("a"), claimed("b"), rejected("c", "worker at maximum concurrency")]);
    (await rig.started(1)).end();
    await rig.frames(4);
    rig.scheduler.offer(sampleAssignment({ taskId: "c" }));
    expect(rig.sent.slice(3)).toEqual([completed("a"), claimed("c")]);
  });

  // What is reserved is let go of when it has ended, and a task that is turned down never ends.
  test("a task that is rejected is not kept from other workers", () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 1, hadElsewhere: ["theirs"] });
    for (const taskId of ["theirs", "a", "b"]) rig.scheduler.offer(sampleAssignment({ taskId }));
    expect([rig.sent[0], rig.backend.reserved]).toEqual([
      rejected("theirs", "another execution of this task is still running"),
      ["a"],
    ]);
  });

  test("a rejected task is not remembered", () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 1 });
    rig.scheduler.offer(sampleAssignment({ taskId: "a" }));
    rig.scheduler.offer(sampleAssignment({ taskId: "b" }));
    expect(rig.journal.find({ taskId: "b", executionId: "exec-b" })).toBeNull();
  });

  test("no limit takes five hundred", () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 0 });
    for (let n = 0; n < 500; n++) rig.scheduler.offer(sampleAssignment({ taskId: `t${n}` }));
    expect(rig.scheduler.activeTasks).toBe(500);
  });
});

describe("the same assignment again", () => {
  test("three times in one go runs once and claims three times", async () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 1 });
    for (let n = 0; n < 3; n++) rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    expect(await rig.frames(4)).toEqual([claimed("t-1"), claimed("t-1"), claimed("t-1"), completed("t-1")]);
    expect(rig.backend.started).toHaveLength(1);
  });

  test("after its end gets the terminal message again and does not run", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    await rig.frames(2);
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent.slice(2)).toEqual([completed("t-1")]);
    expect(rig.backend.started).toHaveLength(1);
    expect(rig.journal.undelivered().map(({ frame }) => frame)).toContain(completed("t-1"));
  });

  test("while its terminal message is on its way adds nothing", async () => {
    using rig = new SchedulerRig({ isOnItsWay: (frame) => frame === completed("t-1") });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    await rig.frames(2);
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toHaveLength(2);
  });

  test("after a handing off is claimed again and does not run", async () => {
    using rig = new SchedulerRig({ reserves: false });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toEqual([claimed("t-1"), claimed("t-1")]);
    expect(rig.backend.started).toHaveLength(1);
  });

  // It was claimed, and nobody ran it: the other worker had died, too.
  test("after it was left to another worker of the host runs as soon as that one does not have it", async () => {
    const hadElsewhere: string[] = [];
    using rig = new SchedulerRig({ hadElsewhere });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    hadElsewhere.push("t-1");
    rig.scheduler.offer(sampleAssignment());
    hadElsewhere.pop();
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(2)).end();
    expect(await rig.frames(4)).toEqual([
      claimed("t-1"),
      rejected("t-1", "another execution of this task is still running"),
      claimed("t-1"),
      completed("t-1"),
    ]);
  });

  // Of a backend with an engine, where what was handed off is claimed again.
  test("after it was left to another runs, and is nobody's to be cancelled, where an engine could be told, too", async () => {
    using rig = new SchedulerRig();
    const told: string[] = [];
    const cancelHandedOff = async ({ taskId }: { taskId: string }) => void told.push(taskId);
    Object.assign(rig.backend, { cancelHandedOff });
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end("left");
    await rig.ended(1);
    rig.scheduler.cancel("t-1");
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(2)).end("handed-off");
    await rig.ended(2);
    rig.scheduler.offer(sampleAssignment());
    expect([rig.backend.started.length, told]).toEqual([2, []]);
    rig.scheduler.cancel("t-1");
    expect(told).toEqual(["t-1"]);
    expect(rig.sent).toEqual([claimed("t-1"), claimed("t-1"), claimed("t-1")]);
  });

  test("without an execution id does not run twice at once, and runs again after its end", async () => {
    using rig = new SchedulerRig();
    const nameless = sampleAssignment({ executionId: "" });
    rig.scheduler.offer(nameless);
    rig.scheduler.offer(nameless);
    (await rig.started(1)).end();
    await rig.frames(3);
    rig.scheduler.offer(nameless);
    (await rig.started(2)).end();
    expect(await rig.frames(5)).toEqual([
      claimed("t-1"),
      claimed("t-1"),
      completed("t-1"),
      claimed("t-1"),
      completed("t-1"),
    ]);
  });

  test("as another execution is rejected while the first runs, and runs after it", async () => {
    using rig = new SchedulerRig();
    const second = sampleAssignment({ executionId: "second" });
    rig.scheduler.offer(sampleAssignment());
    rig.scheduler.offer(second);
    expect(rig.sent[1]).toBe(rejected("t-1", "another execution of this task is still running"));
    (await rig.started(1)).end();
    await rig.frames(3);
    rig.scheduler.offer(second);
    (await rig.started(2)).end();
    await rig.frames(5);
    expect(rig.backend.started).toHaveLength(2);
  });

  test("at the limit is answered and not rejected", () => {
    using rig = new SchedulerRig({ maxConcurrentTasks: 1 });
    rig.scheduler.offer(sampleAssignment());
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent).toEqual([claimed("t-1"), claimed("t-1")]);
  });
});

describe("what cannot be read", () => {
  test("is a failure that names the field", () => {
    using rig = new SchedulerRig();
    rig.scheduler.refuse({ taskId: "t", executionId: "e" }, "env_vars is not an object");
    expect(rig.sent).toEqual([
      failed("t", "unknown", "Failed to execute task: cannot read the assignment: env_vars is not an object"),
    ]);
    expect(rig.scheduler.activeTasks).toBe(0);
  });

  test("does not end a task of that id that runs", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    rig.scheduler.refuse({ taskId: "t-1", executionId: "exec-t-1" }, "env_vars is not an object");
    (await rig.started(1)).end();
    expect(await rig.frames(2)).toEqual([claimed("t-1"), completed("t-1")]);
    expect(rig.log.said("warn")).toEqual(["unreadable assignment for a running task ignored"]);
  });

  // Once: a task that had completed was told as failed as well.
  test("of an execution that has ended is answered by how that ended", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    (await rig.started(1)).end();
    await rig.frames(2);
    rig.scheduler.refuse({ taskId: "t-1", executionId: "exec-t-1" }, "env_vars is not an object");
    expect(rig.sent).toEqual([claimed("t-1"), completed("t-1"), completed("t-1")]);
  });
});

describe("a cancellation", () => {
  test("ends the task and reports it as cancelled", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    await rig.started(1);
    rig.scheduler.cancel("t-1");
    expect(await rig.frames(2)).toEqual([claimed("t-1"), cancelled("t-1")]);
  });

  test("is in the journal before its task is told, so that a crash in between forgets no user's word", async () => {
    const noted: boolean[] = [];
    using rig = new SchedulerRig({
      onStart: ({ context }) =>
        context.signal.addEventListener("abort", () => {
          noted.push(...rig.journal.running().map((execution) => execution.cancelled));
        }),
    });
    rig.scheduler.offer(sampleAssignment());
    await rig.started(1);
    rig.scheduler.cancel("t-1");
    await rig.frames(2);
    expect(noted).toEqual([true]);
  });

  // Frames that come while a worker starts are read in one go. Once the agent was started all the same, to be ended.
  test("in the moment of the claim ends the task before the backend is asked", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    rig.scheduler.cancel("t-1");
    expect(await rig.frames(2)).toEqual([claimed("t-1"), cancelled("t-1")]);
    expect(rig.backend.started).toEqual([]);
  });

  test("of a task that is not here is a log line only", () => {
    using rig = new SchedulerRig();
    rig.scheduler.cancel("nobody");
    expect(rig.sent).toEqual([]);
    expect(rig.log.said()).toEqual(["cancellation for a task that does not run here"]);
  });

  test("stops one task and no other", async () => {
    using rig = new SchedulerRig();
    for (const taskId of ["a", "b"]) rig.scheduler.offer(sampleAssignment({ taskId }));
    await rig.started(2);
    rig.scheduler.cancel("b");
    await rig.frames(3);
    expect(rig.backend.started.map(({ context }) => context.signal.aborted)).toEqual([false, true]);
  });

  test("redelivered after its end is answered with the cancellation again", async () => {
    using rig = new SchedulerRig();
    rig.scheduler.offer(sampleAssignment());
    await rig.started(1);
    rig.scheduler.cancel("t-1");
    await rig.frames(2);
    rig.scheduler.offer(sampleAssignment());
    expect(rig.sent[2]).toBe(cancelled("t-1"));
  });
});
