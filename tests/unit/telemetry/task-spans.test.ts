import { describe, expect, test } from "bun:test";
import { SpanStatusCode } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { Secrets } from "../../../src/logging/secrets.ts";
import { TaskFailure } from "../../../src/task/backend.ts";
import { TaskSpans } from "../../../src/telemetry/task-spans.ts";
import { sampleAssignment } from "../task/sample-assignment.ts";
import { SchedulerRig } from "../task/scheduler-rig.ts";

/** `ratio` of the traces that are recorded. */
function rigWithSpans(options: ConstructorParameters<typeof SchedulerRig>[0] = {}, ratio = 1) {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  const provider = new TracerProvider({ spanProcessors, sampler: new TraceIdRatioBasedSampler(ratio) });
  const secrets = new Secrets();
  const tracer = provider.getTracer("test");
  const observer = new TaskSpans({ tracer, backend: "docker", redact: secrets.redact });
  const rig = new SchedulerRig({ secrets, ...options, observer });
  const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);
  const [last, events] = [
    () => named("oz_worker.task").at(-1),
    () =>
      named("oz_worker.task")
        .at(-1)
        ?.events.map(({ name }) => name),
  ];
  return { rig, observer, named, last, events };
}

/** A task has ended, and what it left is being removed until the test says so. */
async function endedWhileRemoving(rig: SchedulerRig) {
  rig.scheduler.offer(sampleAssignment());
  const task = await rig.started(1);
  const removal = Promise.withResolvers<void>();
  const removed = task.context.step("cleanup", () => removal.promise);
  task.end();
  await rig.ended(1);
  return { removal, removed };
}

const BEGINNING = ["task.assigned", "task.claimed", "task.started", "backend.started"];

describe("the span of a task", () => {
  test("that is turned down says why", () => {
    const { rig, last, events } = rigWithSpans();
    using _rig = rig;
    rig.scheduler.admission.close();
    rig.scheduler.offer(sampleAssignment());
    expect(events()).toEqual(["task.assigned", "task.rejected"]);
    expect(last()?.status.code).toBe(SpanStatusCode.OK);
    expect(last()?.events[1]?.attributes).toEqual({ reason: "stopping" });
  });

  test("has the task's title, without the values of its own environment, which nobody knew before", () => {
    const { rig, last } = rigWithSpans();
    using _rig = rig;
    rig.scheduler.admission.close();
    const { task, ...rest } = sampleAssignment({ envVars: { TOKEN: "hunter22" } });
    rig.scheduler.offer({ ...rest, task: { ...task, title: "Log in with hunter22" } });
    expect(last()?.attributes["task.title"]).toBe("Log in with ***");
  });

  test("that is cancelled tells who asked, once", async () => {
    const { rig, last, events } = rigWithSpans();
    using _rig = rig;
    const assignment = sampleAssignment();
    rig.scheduler.offer(assignment);
    await rig.started(1);
    rig.scheduler.cancel(assignment.taskId);
    rig.scheduler.cancel(assignment.taskId);
    await rig.ended(1);
    expect(events()).toEqual([...BEGINNING, "task.cancellation_requested", "task.cancelled"]);
    expect(last()?.events[4]?.attributes).toEqual({ source: "user" });
    expect(last()?.status.code).toBe(SpanStatusCode.OK);
  });

  test("that is handed off ends there, and a cancellation that gets lost later has one of its own", async () => {
    const { rig, observer, last, events, named } = rigWithSpans();
    using _rig = rig;
    const assignment = sampleAssignment({ dockerImage: "an/image" });
    rig.scheduler.offer(assignment);
    (await rig.started(1)).end("handed-off");
    await rig.ended(1);
    expect(events()).toEqual([...BEGINNING, "task.dispatched"]);
    expect(last()?.events[3]?.attributes).toEqual({ backend: "docker", "docker.image": "an/image" });
    expect(named("oz_worker.report")).toEqual([]);
    Object.assign(rig.backend, {
      cancelHandedOff: () => Promise.reject(new TaskFailure("cancel_command", "it said 1")),
    });
    rig.scheduler.cancel(assignment.taskId);
    await rig.scheduler.stopAll(new AbortController().signal);
    expect(events()).toEqual(["cancel.failed"]);
    expect(last()?.attributes["task.id"]).toBe(assignment.taskId);
    expect(last()?.status.code).toBe(SpanStatusCode.ERROR);
    observer.close();
    expect(named("oz_worker.report")).toEqual([]);
  });

  test("tells of what could not be removed after its end, and ends when the task did", async () => {
    const { rig, last, events } = rigWithSpans();
    using _rig = rig;
    const { removal, removed } = await endedWhileRemoving(rig);
    expect(last()).toBe(undefined);
    const endedBefore = Date.now();
    removal.reject(new Error("something is mounted in it"));
    await removed.catch(() => {});
    expect(events()).toEqual([...BEGINNING, "task.completed", "cleanup.failed"]);
    const [seconds = 0] = last()?.endTime ?? [];
    expect(seconds * 1_000).toBeLessThanOrEqual(endedBefore);
    expect(last()?.status.code).toBe(SpanStatusCode.OK);
  });

  test("is not lost when the worker stops before all is removed", async () => {
    const { rig, observer, events, named } = rigWithSpans();
    using _rig = rig;
    const { removal, removed } = await endedWhileRemoving(rig);
    observer.close();
    expect(events()).toEqual([...BEGINNING, "task.completed"]);
    removal.resolve();
    await removed;
    expect(named("oz_worker.task")).toHaveLength(1);
  });

  // Each update of a worker took the root out of the traces of all that went on: their steps, and the agents' own spans
  // that join them, hung in the air.
  test("that goes on when the worker stops is told as it is, with the step that it is at", async () => {
    const { rig, observer, last, events, named } = rigWithSpans();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment());
    const task = await rig.started(1);
    const running = Promise.withResolvers<void>();
    const run = task.context.step("run", () => running.promise);
    observer.close();
    expect(events()).toEqual(BEGINNING);
    expect(last()?.status.code).toBe(SpanStatusCode.UNSET);
    expect(named("oz_worker.run")[0]?.parentSpanContext?.spanId).toBe(last()?.spanContext().spanId);
    running.resolve();
    await run;
    task.end();
    await rig.ended(1);
    expect([named("oz_worker.run"), named("oz_worker.task")]).toMatchObject([{ length: 1 }, { length: 1 }]);
  });

  // Every other failure had its words in the trace.
  test("that cannot be read is one of a failure, with what its sender is told", () => {
    const { rig, observer, last } = rigWithSpans();
    using _rig = rig;
    const why = "Failed to execute task: cannot read the assignment: task is not an object";
    observer.unreadable("t-1", why);
    expect(last()?.attributes).toEqual({ "task.id": "t-1" });
    expect(last()?.events[0]?.attributes).toEqual({
      "failure.phase": "assignment",
      "failure.reason": "unknown",
      "error.message": why,
    });
    expect(last()?.status).toEqual({ code: SpanStatusCode.ERROR, message: why });
  });

  test.each([
    ["is followed by the agent's own", 1, "01"],
    ["that nobody records is not to be followed", 0, "00"],
  ])("%s", (_what, ratio, flags) => {
    const { rig, observer } = rigWithSpans({}, ratio);
    using _rig = rig;
    const { environment } = observer.assigned(sampleAssignment());
    expect(environment).toEqual({
      TRACEPARENT: expect.stringMatching(new RegExp(`^00-[0-9a-f]{32}-[0-9a-f]{16}-${flags}$`)),
    });
  });

  test("is told as taken over where an earlier worker had begun it", () => {
    const { rig, observer, last } = rigWithSpans();
    using _rig = rig;
    observer.takenOver({ taskId: "t-1", executionId: "e" }).ended({ kind: "completed" }, 0, null);
    expect(last()?.attributes).toEqual({ "task.id": "t-1", "task.taken_over": true });
  });

  test("has one below it for each step, which says how that went and keeps nothing from whoever waits", async () => {
    const { rig, observer, named, events } = rigWithSpans();
    using _rig = rig;
    const trail = observer.assigned(sampleAssignment());
    expect(await trail.step("pull", async () => "pulled")).toBe("pulled");
    const failure = new TaskFailure("container_exit", "it said 1");
    const running = trail.step("run", () => Promise.reject(failure));
    await expect(running).rejects.toBe(failure);
    expect(named("oz_worker.pull").map(({ status }) => status)).toEqual([{ code: SpanStatusCode.OK }]);
    expect(named("oz_worker.run").map(({ status }) => status)).toEqual([
      { code: SpanStatusCode.ERROR, message: "it said 1" },
    ]);
    trail.ended({ kind: "completed" }, 0, null);
    expect(events()).toEqual(["task.assigned", "task.completed"]);
  });

  test("holds no value of the task's environment", async () => {
    const { rig, last } = rigWithSpans();
    using _rig = rig;
    rig.scheduler.offer(sampleAssignment({ envVars: { TOKEN: "value-of-token" } }));
    const task = await rig.started(1);
    const cleanup = () => Promise.reject(new Error("value-of-token stays"));
    await task.context.step("cleanup", cleanup).catch(() => {});
    task.fail(new TaskFailure("container_exit", "curl said value-of-token"));
    await rig.ended(1);
    expect(last()?.events.map(({ name }) => name)).toEqual([...BEGINNING, "cleanup.failed", "task.failed"]);
    expect(last()?.events.at(-1)?.attributes?.["failure.phase"]).toBe("backend");
    expect(last()?.status.code).toBe(SpanStatusCode.ERROR);
    expect(JSON.stringify([last()?.events, last()?.status])).not.toContain("value-of-token");
  });
});

test("a report's span ends when the control plane is proven to have read it", async () => {
  const { rig, observer, named } = rigWithSpans();
  using _rig = rig;
  rig.scheduler.offer(sampleAssignment());
  (await rig.started(1)).end();
  await rig.ended(1);
  expect(named("oz_worker.report")).toEqual([]);
  observer.delivered(1); // the claim alone
  expect(named("oz_worker.report")).toEqual([]);
  observer.delivered(2);
  expect(named("oz_worker.report")).toHaveLength(1);
  expect(named("oz_worker.report")[0]?.parentSpanContext?.spanId).toBe(
    named("oz_worker.task")[0]?.spanContext().spanId,
  );
});

test("of reports in a long outage the first thousand are followed, and others again once it is over", () => {
  const { rig, observer, named } = rigWithSpans();
  using _rig = rig;
  const report = (seq: number) =>
    observer.takenOver({ taskId: `${seq}`, executionId: "e" }).ended({ kind: "completed" }, 0, seq);
  for (let seq = 1; seq <= 1_001; seq++) report(seq);
  observer.delivered(1_001);
  expect(named("oz_worker.report")).toHaveLength(1_000);
  report(1_002);
  observer.delivered(1_002);
  expect(named("oz_worker.report")).toHaveLength(1_001);
  expect(named("oz_worker.report").every(({ status }) => status.code === SpanStatusCode.OK)).toBe(true);
});
