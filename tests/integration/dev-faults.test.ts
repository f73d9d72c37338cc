/** What the local control plane does wrong on request: a fault that does not happen would prove nothing. */
import { describe, expect, test } from "bun:test";
import { ControlPlane, type ControlPlaneOptions } from "../../src/dev/control-plane.ts";
import { assignment, assignments } from "../support/assignments.ts";
import { OWN_LOOPBACK } from "../support/own-loopback.ts";
import { RawWorker } from "../support/raw-worker.ts";
import { eventually, within } from "../support/wait.ts";

const start = (options: Partial<ControlPlaneOptions> = {}) =>
  ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "key", ...options });

describe("faults", () => {
  test("a dropped link ends without a close frame", async () => {
    await using plane = await start();
    for (const how of ["reset", "close"] as const) {
      using worker = await RawWorker.connect({ url: plane.webSocketUrl });
      await plane.waitForOpenLinks(1);
      plane.faults.drop(how);
      expect((await within(worker.closed, `the end by ${how}`)).code).toBe(1006);
      await plane.waitForOpenLinks(0);
    }
  });

  test("a close in good order carries its code and reason", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    plane.faults.close(1012, "restarting");
    const { code, reason } = await within(worker.closed, "the close frame");
    expect([code, reason]).toEqual([1012, "restarting"]);
  });

  test("a frozen link answers no ping and reads no frame, while a new one works; thawed, it goes on", async () => {
    await using plane = await start();
    using frozen = await RawWorker.connect({ url: plane.webSocketUrl });
    frozen.ping("before");
    await frozen.until(() => frozen.pongs[0], "the pong before");
    plane.faults.freeze();
    frozen.ping("while frozen");
    frozen.send("task_claimed", { task_id: "while-frozen", worker_id: "raw" });
    // Time passes on a link that is not frozen: many rounds that the other could have answered in.
    using live = await RawWorker.connect({ url: plane.webSocketUrl });
    for (let round = 1; round <= 50; round++) {
      live.ping(`round ${round}`);
      live.send("task_claimed", { task_id: `round-${round}`, worker_id: "raw" });
      await live.until(() => live.pongs[round - 1], `pong ${round}`);
    }
    await plane.waitForFrame((frame) => frame.taskId === "round-50");
    expect(frozen.pongs).toEqual(["before"]);
    expect(plane.frames.filter((frame) => frame.connection === 1)).toEqual([]);
    plane.faults.thaw();
    await frozen.until(() => frozen.pongs[1], "the pong after the thaw");
    await plane.waitForFrame((frame) => frame.taskId === "while-frozen");
  });

  test("what was sent into a frozen link is lost when it is dropped", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    plane.faults.freeze();
    worker.send("task_completed", { task_id: "lost", message: "never read" });
    plane.faults.drop();
    await within(worker.closed, "the end");
    await plane.waitForOpenLinks(0);
    expect(plane.frames).toEqual([]);
  });

  test("each link freezes by itself when told to", async () => {
    await using plane = await start();
    plane.faults.freezeEachAfter(0);
    // Possibly before the answer to its handshake got through, so nothing is sent before the thaw.
    using worker = new RawWorker({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    await eventually(() => plane.connections.open[0]?.pipe.frozen, "the link to freeze");
    plane.faults.thaw();
    await within(worker.opened, "the handshake");
    worker.ping("thawed");
    await worker.until(() => worker.pongs[0], "the pong after the thaw");
  });

  test("all links drop again and again when told to", async () => {
    await using plane = await start();
    plane.faults.dropEvery(5);
    for (let life = 0; life < 3; life++) {
      using worker = new RawWorker({ url: plane.webSocketUrl });
      expect((await within(worker.closed, "the drop")).code).toBe(1006);
    }
    expect(plane.handshakes.every(({ outcome }) => outcome === "accepted")).toBe(true);
  });

  test("rubbish arrives as it was sent, and one assignment three times when told", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    plane.faults.sendRaw("{not json");
    plane.faults.sendRaw(new Uint8Array([0, 255, 1]));
    plane.faults.sendRaw("x".repeat(5 * 1024 * 1024));
    plane.faults.send("task_assignment", null);
    plane.faults.send("task_assignment", assignment({ taskId: "thrice" }), 3);
    await worker.until(() => (worker.messages.length === 4 ? true : undefined), "four messages");
    expect(worker.odd.map((frame) => frame.length)).toEqual([9, 3, 5 * 1024 * 1024]);
    expect(worker.messages[0]?.data).toBeNull();
  });

  test("a truncated link ends in the middle of a frame, which is not delivered", async () => {
    await using plane = await start();
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    plane.faults.truncateAfter(20, "to-client");
    plane.submit(assignment());
    expect((await within(worker.closed, "the end")).code).toBe(1006);
    expect(worker.messages).toEqual([]);
  });

  test("a delayed link keeps the order", async () => {
    await using plane = await start();
    plane.faults.delayBy(5);
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    const ids = assignments(20).map((each) => plane.submit(each).taskId);
    await worker.waitFor("task_assignment", undefined, 20);
    expect(worker.messages.map(({ data }) => String(data["task_id"]))).toEqual(ids);
  });
});

describe("restart", () => {
  test("ends every link, refuses while down, and comes back on its port with its tasks", async () => {
    await using plane = await start();
    const { port, webSocketUrl: url } = plane;
    const { taskId } = plane.submit(assignment());
    using first = await RawWorker.connect({ url });
    await first.waitFor("task_assignment", taskId);
    await plane.goDown();
    await within(first.closed, "the end of the link");
    using refused = new RawWorker({ url });
    await expect(refused.opened).rejects.toThrow();
    await refused.closed;
    await plane.comeUp();
    expect(plane.port).toBe(port);
    using second = await RawWorker.connect({ url });
    await second.waitFor("task_assignment", taskId);
    await plane.restart();
    using third = await RawWorker.connect({ url });
    await third.waitFor("task_assignment", taskId);
  });

  test("works with a frozen link and with one that was never answered", async () => {
    await using plane = await start();
    using frozen = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    plane.faults.freeze();
    plane.faults.hang(1);
    using hung = new RawWorker({ url: plane.webSocketUrl });
    await plane.waitForHandshake(2);
    await plane.restart();
    await Promise.all([frozen.closed, hung.closed]);
    using worker = await RawWorker.connect({ url: plane.webSocketUrl });
    await plane.waitForOpenLinks(1);
    expect(worker.messages).toEqual([]);
  });

  test("a port that is taken is an error", async () => {
    await using plane = await start();
    await expect(start({ port: plane.port })).rejects.toThrow("EADDRINUSE");
  });
});
