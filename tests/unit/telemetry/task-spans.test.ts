import { describe, expect, test } from "bun:test";
import { SpanStatusCode } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { Secrets } from "../../../src/logging/secrets.ts";
import { TaskFailure } from "../../../src/task/backend.ts";
import { TaskSpans } from "../../../src/telemetry/task-spans.ts";
import { sampleAssignment } from "../task/sample-assignment.ts";
import { SchedulerRig } from "../task/scheduler-rig.ts";

function rigWithSpans(options: ConstructorParameters<typeof SchedulerRig>[0] = {}) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
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
    rig.scheduler.stopAccepting();
    rig.scheduler.offer(sampleAssignment());
    expect(events()).toEqual(["task.assigned", "task.rejected"]);
    expect(last()?.events[1]?.attributes).toEqual({ reason: "stopping" });
  });

  test("has the task's title, without the values of its own environment, which nobody knew before", () => {
    const { rig, last } = rigWithSpans();
    using _rig = rig;
    rig.scheduler.stopAccepting();
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
    const { rig, last, events, named } = rigWithSpans();
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
