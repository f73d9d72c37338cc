/** The local control plane, seen by a bare WebSocket and by HTTP: what every other test relies on. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { ControlPlane, type ControlPlaneOptions } from "../../src/dev/control-plane.ts";
import { assignment, assignments } from "../support/assignments.ts";
import { RawWorker } from "../support/raw-worker.ts";

const start = (options: Partial<ControlPlaneOptions> = {}) =>
  ControlPlane.start({ apiKey: "key", reofferDelayMs: 1, ...options });

afterEach(() => jest.useRealTimers());

describe("handshake", () => {
  test("a wrong key is refused with 401 and noted", async () => {
    await using plane = await start();
    using worker = new RawWorker({ url: plane.webSocketUrl, key: "wrong" });
    await expect(worker.opened).rejects.toThrow("401");
    await worker.closed;
    expect(plane.handshakes.map(({ outcome }) => outcome)).toEqual([401]);
    expect(plane.connections.total).toBe(0);
  });

  test("a key that was changed counts from the next handshake on", async () => {
    await using plane = await start();
    plane.apiKey = "second";
    using first = new RawWorker({ url: plane.webSocketUrl, key: "key" });
    await expect(first.opened).rejects.toThrow("401");
    await first.closed;
    using second = await RawWorker.connect({ url: plane.webSocketUrl, key: "second" });
    await plane.waitForConnection(1);
    expect(second.messages).toEqual([]);
  });

  test("a worker id is needed, and another one than the expected is refused", async () => {
    await using plane = await start({ workerId: "mine" });
    for (const workerId of ["", "other"]) {
      using worker = new RawWorker({ url: plane.webSocketUrl, workerId });
      await expect(worker.opened).rejects.toThrow("400");
      await worker.closed;
    }
    using worker = await RawWorker.connect({ url: plane.webSocketUrl, workerId: "mine" });
    await plane.waitForConnection(1);
    expect(plane.connections.open[0]?.workerId).toBe("mine");
    expect(worker.messages).toEqual([]);
  });

  test("it refuses the next handshakes with a status when told, and then no more", async () => {
    await using plane = await start();
    plane.faults.refuse(503, 2);
    for (let attempt = 0; attempt < 2; attempt++) {
      using worker = new RawWorker({ url: plane.webSocketUrl });
      await expect(worker.opened).rejects.toThrow("503");
      await worker.closed;
    }
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    expect(plane.handshakes.map(({ outcome }) => outcome)).toEqual([503, 503, "accepted"]);
    expect(worker.pongs).toEqual([]);
  });

  test("an upgrade that it shall not answer stays unanswered and does not hold up the stop", async () => {
    const plane = await start();
    plane.faults.hang(1);
    using silent = new RawWorker({ url: plane.webSocketUrl });
    await plane.waitForHandshake(1);
    using served = await RawWorker.connect({ url: plane.webSocketUrl });
    expect(plane.handshakes.map(({ outcome }) => outcome)).toEqual(["hung", "accepted"]);
    expect(plane.connections.total).toBe(1);
    await plane.stop();
    await Promise.all([silent.closed, served.closed]);
  });
});

describe("tasks", () => {
  test("a task goes from queued over assigned and claimed to completed, as sent", async () => {
    const states: string[] = [];
    await using plane = await start({ onChange: (task) => states.push(task.state) });
    const sent = assignment({ env: { A: "1" } });
    plane.submit(sent);
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    const received = await worker.waitFor("task_assignment");
    expect(received.data).toEqual(sent);
    worker.send("task_claimed", { task_id: sent.task_id, worker_id: "raw" });
    worker.send("task_completed", { task_id: sent.task_id, message: "Task completed successfully" });
    const task = await plane.waitForTask(sent.task_id);
    expect(task).toMatchObject({
      state: "completed",
      claims: 1,
      terminals: 1,
      message: "Task completed successfully",
    });
    expect(states).toEqual(["queued", "assigned", "claimed", "completed"]);
    expect(plane.frames.map(({ type, connection }) => [type, connection])).toEqual([
      ["task_claimed", 1],
      ["task_completed", 1],
    ]);
  });

  test("a failure keeps its reason and exit code, and a second terminal message changes nothing", async () => {
    await using plane = await start();
    const { task_id } = plane.submit(assignment()).assignment;
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await worker.waitFor("task_assignment");
    worker.send("task_claimed", { task_id, worker_id: "raw" });
    worker.send("task_failed", { task_id, message: "no", failure_reason: "agent_invocation", exit_code: 7 });
    worker.send("task_completed", { task_id, message: "yes" });
    await plane.waitForFrame((frame) => frame.type === "task_completed");
    const expected = {
      state: "failed",
      failureReason: "agent_invocation",
      exitCode: 7,
      message: "no",
      terminals: 2,
    };
    expect(plane.task(task_id)).toMatchObject(expected);
    expect(plane.terminalsOf(task_id).map(({ type }) => type)).toEqual(["task_failed", "task_completed"]);
  });

  test("a rejected task is offered again", async () => {
    await using plane = await start();
    const { taskId } = plane.submit(assignment());
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await worker.waitFor("task_assignment", taskId);
    worker.send("task_rejected", { task_id: taskId, reason: "worker at maximum concurrency" });
    await worker.waitFor("task_assignment", taskId, 2);
    expect(plane.task(taskId)).toMatchObject({ state: "assigned", rejections: 1 });
  });

  const reject = (worker: RawWorker, taskId: string) =>
    worker.send("task_rejected", { task_id: taskId, reason: "worker at maximum concurrency" });

  test("of tasks that wait for room, the one that has waited longest is offered again when another has ended", async () => {
    await using plane = await start({ reofferDelayMs: 60_000 });
    const [first = "", second = "", third = ""] = assignments(3).map((one) => plane.submit(one).taskId);
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await worker.waitFor("task_assignment", third);
    worker.send("task_claimed", { task_id: first, worker_id: "raw" });
    for (const taskId of [second, third]) reject(worker, taskId);
    worker.send("task_completed", { task_id: first, message: "yes" });
    await worker.waitFor("task_assignment", second, 2);
    expect([second, third].map((taskId) => plane.task(taskId)?.state)).toEqual(["assigned", "rejected"]);
    using _another = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForTask(third, ["assigned"]);
  });

  // Of two prompts with a limit of one, the other had ten rounds of lines a second for as long as the first one ran.
  test("a task that is rejected again and again is offered ever more seldom", async () => {
    jest.useFakeTimers();
    await using plane = await start({ reofferDelayMs: 100 });
    const { taskId } = plane.submit(assignment());
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    const delaysMs = [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000];
    for (const [offers, delayMs] of delaysMs.entries()) {
      await worker.waitFor("task_assignment", taskId, offers + 1);
      reject(worker, taskId);
      await plane.waitForTask(taskId, ["rejected"]);
      jest.advanceTimersByTime(delayMs - 1);
      expect(plane.task(taskId)?.state).toBe("rejected");
      jest.advanceTimersByTime(1);
    }
  });

  test("several workers are served in turn", async () => {
    await using plane = await start();
    using first = await RawWorker.connect({ url: plane.webSocketUrl });
    using second = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(2);
    for (const each of assignments(6)) plane.submit(each);
    await first.waitFor("task_assignment", undefined, 3);
    await second.waitFor("task_assignment", undefined, 3);
    expect([first.messages.length, second.messages.length]).toEqual([3, 3]);
  });

  test("an assignment that was not claimed goes to the next connection, a claimed one does not", async () => {
    await using plane = await start();
    const [claimed, offered] = [plane.submit(assignment()).taskId, plane.submit(assignment()).taskId];
    using first = await RawWorker.connect({ url: plane.webSocketUrl });
    await first.waitFor("task_assignment", offered);
    first.send("task_claimed", { task_id: claimed, worker_id: "raw" });
    await plane.waitForTask(claimed, ["claimed"]);
    plane.faults.drop();
    await first.closed;
    using second = await RawWorker.connect({ url: plane.webSocketUrl });
    await second.waitFor("task_assignment", offered);
    second.send("task_completed", { task_id: claimed, message: "reported late" });
    expect(await plane.waitForTask(claimed)).toMatchObject({ state: "completed", terminals: 1 });
    expect(second.messages).toHaveLength(1);
  });

  test("a task that is known and goes on is not taken twice; one that ended is", async () => {
    await using plane = await start();
    const sent = assignment();
    plane.submit(sent);
    expect(() => plane.submit(sent)).toThrow("has not ended");
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await worker.waitFor("task_assignment");
    worker.send("task_completed", { task_id: sent.task_id, message: "done" });
    await plane.waitForTask(sent.task_id);
    plane.submit(sent);
    await worker.waitFor("task_assignment", sent.task_id, 2);
  });
});

describe("cancellation", () => {
  test("reaches the worker that has the task, whose word then counts", async () => {
    await using plane = await start();
    using bystander = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForConnection(1);
    using owner = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForConnection(2);
    const other = plane.submit(assignment()).taskId;
    const { taskId } = plane.submit(assignment());
    await bystander.waitFor("task_assignment", other);
    await owner.waitFor("task_assignment", taskId);
    owner.send("task_claimed", { task_id: taskId, worker_id: "raw" });
    await plane.waitForTask(taskId, ["claimed"]);
    expect(plane.cancel(taskId)).toBe("requested");
    await owner.waitFor("task_cancellation", taskId);
    const message = "Task cancelled by user request.";
    owner.send("task_completed", { task_id: taskId, message, task_state: "CANCELLED" });
    expect(await plane.waitForTask(taskId)).toMatchObject({ state: "cancelled", message });
    expect(plane.cancel(taskId)).toBe("ended");
    expect(plane.cancel("nobody")).toBe("unknown");
    expect(bystander.messages.map(({ type }) => type)).toEqual(["task_assignment"]);
  });

  test("of a task that nobody has needs no worker", async () => {
    await using plane = await start();
    const { taskId } = plane.submit(assignment());
    plane.cancel(taskId);
    expect(plane.task(taskId)?.state).toBe("cancelled");
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    const next = plane.submit(assignment()).taskId;
    await worker.waitFor("task_assignment", next);
    expect(worker.messages).toHaveLength(1);
  });

  test("while the link is down is sent over the next one", async () => {
    await using plane = await start();
    const { taskId } = plane.submit(assignment());
    using first = await RawWorker.connect({ url: plane.webSocketUrl });
    await first.waitFor("task_assignment", taskId);
    first.send("task_claimed", { task_id: taskId, worker_id: "raw" });
    await plane.waitForTask(taskId, ["claimed"]);
    plane.faults.drop();
    await plane.waitForOpenLinks(0);
    plane.cancel(taskId);
    using second = await RawWorker.connect({ url: plane.webSocketUrl });
    await second.waitFor("task_cancellation", taskId);
  });
});
