/** The end of a link: what is owed goes out first, and the deadline ends everything. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import type { SocketOptions } from "../../src/runtime/web-socket.ts";
import { LinkRig } from "../unit/control-plane/link-rig.ts";
import { RawPeer } from "../unit/control-plane/raw-peer.ts";

const never = () => [];
/** The ping that asks for a proof waits a moment for more to prove. */
const PROOF_MS = 20;
const open = () => new AbortController().signal;

afterEach(() => void jest.useRealTimers());

/** Over another connection: time enough for anything that happens at once. */
async function aRoundTrip(): Promise<void> {
  await using peer = await RawPeer.start();
  await using rig = new LinkRig(peer);
  await rig.untilConnected();
}

describe("a link that is to finish", () => {
  test("with nothing to say says good-bye and ends", async () => {
    await using peer = await RawPeer.start();
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    rig.link.finish(open());
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect(peer.frames.map(({ kind }) => kind)).toEqual(["close"]);
    expect(rig.log.said()).toEqual(["connected to the control plane"]);
  });

  test("waits for the proof of what it sent, not only for the sending", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    const [ping = ""] = await peer.untilPings(1);
    rig.link.finish(open());
    rig.owe("b");
    await peer.untilTexts(2);
    expect(peer.frames.map(({ kind }) => kind)).not.toContain("close");
    peer.send("pong", ping);
    const [, second = ""] = await peer.untilPings(2);
    peer.send("pong", second);
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect([rig.delivered, rig.outbox.size]).toEqual([[1, 2], 0]);
    expect(peer.frames.at(-1)?.kind).toBe("close");
  });

  test("while it is disconnected connects once more to deliver", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    plane.faults.refuse(503, 1);
    // A full backoff of a second, which nobody would wait for here.
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane, { jitter: 1 - Number.EPSILON });
    await rig.untilSaid("control plane refused the connection");
    rig.owe("a");
    rig.link.finish(open());
    await rig.untilConnected();
    jest.advanceTimersByTime(PROOF_MS);
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect(plane.terminalsOf("a")).toHaveLength(1);
  });

  test("while it is disconnected and owes nothing ends without another attempt", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    plane.faults.refuse(503);
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane, { jitter: 1 - Number.EPSILON });
    await rig.untilSaid("control plane refused the connection");
    rig.link.finish(open());
    await rig.ended;
    expect(plane.handshakes).toHaveLength(1);
  });

  test("over a link that breaks tries again until all is delivered", async () => {
    await using peer = await RawPeer.start({
      pongsFor: (payload, connection) => (connection < 4 ? [] : [payload]),
    });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    rig.link.finish(open());
    for (let connection = 1; connection < 4; connection++) {
      await peer.untilPings(1, connection);
      peer.drop();
    }
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect(rig.delivered).toEqual([1]);
  });

  // It has five seconds in all: pauses that double would leave three attempts in them.
  test("tries every second, however often it was refused", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    plane.faults.refuse(503);
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane, { jitter: 1 - Number.EPSILON });
    rig.owe("a");
    const pauses: unknown[] = [];
    for (const nth of [1, 2, 3, 4, 5]) {
      const { fields } = await rig.untilSaid("control plane refused the connection", nth);
      pauses.push(fields["retryInSeconds"]);
      if (nth === 1) rig.link.finish(open());
      else jest.advanceTimersByTime(1_000);
    }
    expect(pauses).toEqual([1, 1, 1, 1, 1]);
  });

  test("at its deadline leaves the rest to the journal", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    for (const id of ["a", "b"]) rig.owe(id);
    await peer.untilTexts(2);
    const deadline = new AbortController();
    rig.link.finish(deadline.signal);
    deadline.abort();
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect([rig.delivered, rig.outbox.size]).toEqual([[], 2]);
  });

  test("at its deadline does not wait for a handshake", async () => {
    await using peer = await RawPeer.start({ answer: "" });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    await peer.untilRequests(1);
    const deadline = new AbortController();
    rig.link.finish(deadline.signal);
    deadline.abort();
    expect(await rig.ended).toEqual({ kind: "finished" });
  });

  test("does not wait for a handshake either when it owes nothing", async () => {
    await using peer = await RawPeer.start({ answer: "" });
    await using rig = new LinkRig(peer);
    await peer.untilRequests(1);
    rig.link.finish(open());
    expect(await rig.ended).toEqual({ kind: "finished" });
  });

  test("while its key is being read opens no connection for nothing", async () => {
    await using peer = await RawPeer.start();
    const options = Promise.withResolvers<SocketOptions>();
    await using rig = new LinkRig({ url: peer.url, socketOptions: () => options.promise });
    rig.link.finish(open());
    options.resolve({ url: peer.url, headers: {}, proxy: null, certificateAuthorities: null });
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect(peer.requests).toEqual([]);
  });

  test("at its deadline does not wait for the backoff after a refused key", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    let key = "key";
    await using rig = LinkRig.to(plane, { key: () => key });
    await rig.untilConnected();
    await plane.waitForOpenLinks(1);
    key = "revoked";
    plane.faults.drop();
    await rig.untilSaid("control plane refused the key");
    rig.owe("a");
    const deadline = new AbortController();
    rig.link.finish(deadline.signal);
    await rig.untilSaid("control plane refused the key", 2);
    deadline.abort();
    expect(await rig.ended).toEqual({ kind: "finished" });
    expect(rig.outbox.size).toBe(1);
  });

  test("gives a peer that does not answer its good-bye two seconds", async () => {
    jest.useFakeTimers();
    await using plane = await ControlPlane.start({ apiKey: "key" });
    await using rig = LinkRig.to(plane);
    await plane.waitForOpenLinks(1, { timeoutMs: Number.POSITIVE_INFINITY });
    await rig.untilConnected();
    plane.faults.freeze();
    rig.link.finish(open());
    jest.advanceTimersByTime(1_999);
    let over = false;
    rig.ended.then(() => {
      over = true;
    });
    await aRoundTrip();
    expect(over).toBe(false);
    jest.advanceTimersByTime(1);
    expect(await rig.ended).toEqual({ kind: "finished" });
  });

  // Once: the deadline is only listened to. One that has passed already, with a message unproven on an open
  // connection, is never heard of, and the link lives on.
  test("under a deadline that has passed already ends at once", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    await peer.untilPings(1);
    let over = false;
    rig.ended.then(() => {
      over = true;
    });
    rig.link.finish(AbortSignal.abort());
    await aRoundTrip();
    expect(over).toBe(true);
  });
});

describe("a link that is hastened", () => {
  test("makes the attempt now that it was waiting for", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    plane.faults.refuse(503, 1);
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane, { jitter: 1 - Number.EPSILON });
    await rig.untilSaid("control plane refused the connection");
    await aRoundTrip();
    expect([plane.handshakes.length, rig.link.status.state]).toEqual([1, "waiting"]);
    rig.link.hasten();
    await rig.untilConnected();
  });

  test("makes the next ones soon, too, however long the outage was before", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    plane.faults.refuse(503);
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane, { jitter: 1 - Number.EPSILON });
    const pauses: unknown[] = [];
    for (const nth of [1, 2, 3]) {
      const { fields } = await rig.untilSaid("control plane refused the connection", nth);
      pauses.push(fields["retryInSeconds"]);
      if (nth === 1) jest.advanceTimersByTime(1_000);
      if (nth === 2) rig.link.hasten();
    }
    expect(pauses).toEqual([1, 2, 1]);
    await aRoundTrip();
    expect(plane.handshakes).toHaveLength(3);
  });

  test("while it is connected goes on as before", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    rig.link.hasten();
    rig.owe("a");
    await rig.untilDelivered(1);
    expect(plane.connections.total).toBe(1);
  });
});
