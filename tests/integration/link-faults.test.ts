/** What happens to the link's messages when the network or the control plane misbehaves. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { OWN_LOOPBACK } from "../support/own-loopback.ts";
import { LinkRig } from "../unit/control-plane/link-rig.ts";
import { RawPeer } from "../unit/control-plane/raw-peer.ts";

const LOST = "connection to the control plane lost";
/** The ping that asks for a proof waits a moment for more to prove. */
const PROOF_MS = 20;

afterEach(() => void jest.useRealTimers());

const start = () => ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "key" });

/** In the order of their first arrival. */
const arrived = (plane: ControlPlane) => [...new Set(plane.frames.map(({ taskId }) => taskId))];
const named = (count: number, from = 0) => Array.from({ length: count }, (_, n) => `t${n + from}`);

describe("all messages arrive, in order", () => {
  test.each(["reset", "close"] as const)("when the link ends by %s in the middle of them", async (how) => {
    await using plane = await start();
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    for (const id of named(25)) rig.owe(id);
    plane.faults.drop(how);
    for (const id of named(25, 25)) rig.owe(id);
    await rig.untilDelivered(50);
    expect(arrived(plane)).toEqual(named(50));
    expect(rig.outbox.size).toBe(0);
  });

  test("when the link ends in the middle of a frame", async () => {
    await using plane = await start();
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    await plane.waitForOpenLinks(1);
    plane.faults.truncateAfter(100, "to-server");
    for (const id of named(10)) rig.owe(id);
    await rig.untilDelivered(10);
    expect(arrived(plane)).toEqual(named(10));
    expect(plane.connections.total).toBe(2);
  });

  test("when the control plane closes in good order, with its words in the log", async () => {
    await using plane = await start();
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    await plane.waitForOpenLinks(1);
    plane.faults.close(1012, "restarting");
    for (const id of named(10)) rig.owe(id);
    await rig.untilDelivered(10);
    expect(arrived(plane)).toEqual(named(10));
    expect((await rig.untilSaid(LOST)).fields["why"]).toBe("closed by the peer: restarting (1012)");
  });

  test("over five restarts of the control plane", async () => {
    await using plane = await start();
    await using rig = LinkRig.to(plane, { jitter: 0.01 });
    for (let round = 0; round < 5; round++) {
      await rig.untilConnected(round + 1);
      for (const id of named(5, 10 * round)) rig.owe(id);
      await plane.goDown();
      for (const id of named(5, 10 * round + 5)) rig.owe(id);
      await plane.comeUp();
    }
    await rig.untilDelivered(50);
    expect(arrived(plane)).toEqual(named(50));
  }, 20_000);

  test("after a stall that ends in time, each once", async () => {
    await using plane = await start();
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    await plane.waitForOpenLinks(1);
    plane.faults.freeze();
    for (const id of named(10)) rig.owe(id);
    expect(rig.outbox.size).toBe(10);
    plane.faults.thaw();
    await rig.untilDelivered(10);
    expect(plane.frames.map(({ taskId }) => taskId)).toEqual(named(10));
  });
});

// Bun left it after 36 s, and a message that was sent meanwhile was held up for 10.
test("a peer that says good-bye and leaves TCP open is left within two seconds", async () => {
  jest.useFakeTimers();
  await using peer = await RawPeer.start({ keepsTcp: true });
  await using rig = new LinkRig(peer);
  await rig.untilConnected();
  peer.send("close", Buffer.from("\x03\xe9restarting", "latin1"));
  await peer.until(() => peer.frames.find(({ kind }) => kind === "close"));
  rig.owe("t0");
  jest.advanceTimersByTime(2_000);
  expect((await rig.untilSaid(LOST)).fields["why"]).toBe("closed by the peer: restarting (1001)");
  jest.advanceTimersByTime(1_000);
  expect(await peer.untilTexts(1, 2)).toHaveLength(1);
});

describe("a peer that says nothing", () => {
  test("for 60 s is dead: the link is dropped and the messages go over a new one", async () => {
    await using plane = await start();
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane);
    await plane.waitForOpenLinks(1, { timeoutMs: Number.POSITIVE_INFINITY });
    await rig.untilConnected();
    plane.faults.freeze();
    for (const id of named(20)) rig.owe(id);
    jest.advanceTimersByTime(59_000);
    expect(rig.log.said()).not.toContain(LOST);
    expect(rig.outbox.size).toBe(20);
    jest.advanceTimersByTime(1_300);
    expect((await rig.untilSaid(LOST)).fields["why"]).toBe("no frame from the peer for 60 s");
    jest.advanceTimersByTime(1);
    await rig.untilConnected(2);
    jest.advanceTimersByTime(PROOF_MS);
    await rig.untilDelivered(20);
    expect(arrived(plane)).toEqual(named(20));
  });

  test("but it was this process that was paused: what lies unread in the socket is read first", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ pongsFor: () => [] });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    jest.advanceTimersByTime(60_000);
    peer.send("text", "marker");
    await rig.until(() => rig.texts[0]);
    jest.advanceTimersByTime(1_000);
    expect(rig.log.said("warn")).toEqual([]);
  });

  test.each(["text", "pong", "ping", "binary"] as const)("but a %s now and then lives", async (kind) => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ pongsFor: () => [] });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    for (let round = 1; round <= 4; round++) {
      jest.advanceTimersByTime(40_000);
      peer.send(kind, "x");
      // Read in order, so the frame before it was read too.
      if (kind !== "text" && kind !== "binary") peer.send("text", "marker");
      await rig.until(() => rig.texts[round - 1]);
    }
    expect(rig.log.said("warn")).toEqual([]);
  });

  test("at the handshake is given up after 30 s, not after Bun's 124", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ answer: "" });
    await using rig = new LinkRig(peer);
    await peer.untilRequests(1);
    jest.advanceTimersByTime(29_999);
    expect(rig.log.lines).toEqual([]);
    jest.advanceTimersByTime(1);
    const { fields } = await rig.untilSaid("cannot connect to the control plane");
    expect(fields).toMatchObject({ why: "no answer to the handshake in 30 s", attempts: 1 });
    jest.advanceTimersByTime(1);
    await peer.untilRequests(2);
  });
});

describe("a peer that does not read", () => {
  test("gets a bounded share of 64 MB, and is dropped after 10 s without progress", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ reading: false });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    const words = "y".repeat(64 * 1024);
    for (let n = 0; n < 1_000; n++) rig.oweRaw(`${n} ${words}`);
    // Each advance gives the socket the turns that it needs to fill the kernel's buffers.
    for (let second = 0; second < 5; second++) {
      jest.advanceTimersByTime(200);
      peer.send("text", "turn");
      await rig.until(() => rig.texts[second]);
    }
    expect(rig.outbox.lastSent).toBeGreaterThan(10);
    expect(rig.outbox.lastSent).toBeLessThan(250);
    expect(rig.outbox.holdsUnsent(`999 ${words}`)).toBe(true);
    jest.advanceTimersByTime(10_400);
    const { fields } = await rig.untilSaid(LOST);
    expect(fields["why"]).toBe("the peer took nothing of what was sent for 10 s");
    expect(rig.outbox.size).toBe(1_000);
  });
});

describe("rubbish from the far side", () => {
  test("reaches the parser as it is and leaves the link open", async () => {
    await using plane = await start();
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    await plane.waitForOpenLinks(1);
    const rubbish = ["", "{", "\u0000", "null", "z".repeat(5 * 1024 * 1024), "😀".repeat(1_000)];
    for (const text of rubbish) plane.faults.sendRaw(text);
    plane.faults.sendRaw(Buffer.from([0xff, 0xfe, 0x00]));
    await rig.until(() => (rig.texts.length === 7 ? true : undefined));
    expect(rig.texts.slice(0, 6)).toEqual(rubbish);
    rig.owe("after");
    await rig.untilDelivered(1);
    expect(plane.connections.total).toBe(1);
  });

  test("that breaks the WebSocket protocol costs the connection and nothing else", async () => {
    await using peer = await RawPeer.start();
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    rig.owe("a");
    await rig.untilDelivered(1);
    // A control frame may have 125 bytes at most.
    peer.send("ping", "x".repeat(500));
    await rig.untilConnected(2);
    rig.owe("b");
    await rig.untilDelivered(2);
  });
});
