import { afterEach, expect, jest, test } from "bun:test";
import { Connection } from "../../../src/control-plane/connection.ts";
import { Outbox } from "../../../src/control-plane/outbox.ts";
import { RawPeer } from "./raw-peer.ts";

afterEach(() => void jest.useRealTimers());

const hooks = { onOpen: () => {}, onText: () => {}, onPong: () => {}, onProven: () => {} };
const to = (url: string) => ({ url, headers: {}, proxy: null, certificateAuthorities: null });

async function connect(peer: RawPeer, outbox: Outbox): Promise<Connection> {
  const opened = Promise.withResolvers<void>();
  const connection = new Connection(to(peer.url), outbox, { ...hooks, onOpen: opened.resolve });
  await opened.promise;
  return connection;
}

// Once: the handshake's timer is set before the socket is opened. When opening throws (a proxy of an unknown
// kind, a key with a line break in it), 30 s later the timer finds half a connection and throws into the void.
test.each([
  ["a proxy of an unknown kind", { proxy: "socks5://127.0.0.1:1" }],
  ["a key that no header can hold", { headers: { Authorization: "Bearer a\nb" } }],
  ["a URL with a fragment", { url: "ws://127.0.0.1:1/#x" }],
])("an attempt that cannot even begin, for %s, leaves no timer behind", (_why, options) => {
  jest.useFakeTimers();
  const socket = { ...to("ws://127.0.0.1:1/"), ...options };
  expect(() => new Connection(socket, new Outbox(() => {}), hooks)).toThrow();
  const left = jest.getTimerCount();
  jest.clearAllTimers();
  expect(left).toBe(0);
});

test("a connection that is dropped closes its socket, stops its clocks and leaves the outbox to the next", async () => {
  jest.useFakeTimers();
  await using peer = await RawPeer.start();
  const outbox = new Outbox(() => {});
  const connection = await connect(peer, outbox);
  outbox.add({ seq: 1, frame: "a" }, "afterTurn");
  connection.drop("why");
  outbox.add({ seq: 2, frame: "b" });
  // What waited for the end of this turn is the next connection's, too.
  await new Promise((resolve) => setImmediate(resolve));
  expect([jest.getTimerCount(), outbox.lastSent]).toEqual([0, 0]);
  const heard: string[] = [];
  outbox.listen((urgency) => void heard.push(urgency));
  await peer.untilAllClosed();
  outbox.add({ seq: 3, frame: "c" });
  expect([heard, await connection.ended]).toMatchObject([["now"], { kind: "ended", why: "why" }]);
});

// Else it would go on taking from the outbox what only its successor can send, and that one's pongs would prove it.
test("a connection that is dropped while its peer does not read looks no longer at what waits in its socket", async () => {
  jest.useFakeTimers();
  await using peer = await RawPeer.start({ reading: false });
  const outbox = new Outbox(() => {});
  const connection = await connect(peer, outbox);
  const frame = "y".repeat(1024 * 1024);
  for (let seq = 1; seq <= 32; seq++) outbox.add({ seq, frame });
  expect(outbox.lastSent).toBeLessThan(32);
  connection.drop("why");
  expect(jest.getTimerCount()).toBe(0);
});

test("a connection that is closed during its handshake is over at once and leaves no clock behind", async () => {
  jest.useFakeTimers();
  await using peer = await RawPeer.start();
  const connection = new Connection(to(peer.url), new Outbox(() => {}), hooks);
  connection.close("stopped");
  expect(jest.getTimerCount()).toBe(0);
  expect(await connection.ended).toEqual({ kind: "unreachable", why: "stopped" });
});

test("what may wait for the end of its turn is sent then, each time, and a good-bye does not overtake it", async () => {
  await using peer = await RawPeer.start();
  const outbox = new Outbox(() => {});
  const connection = await connect(peer, outbox);
  for (const [seq, frame] of ["1", "2"].entries()) {
    outbox.add({ seq, frame }, "afterTurn");
    expect(peer.texts()).toHaveLength(seq);
    await peer.untilTexts(seq + 1);
  }
  outbox.add({ seq: 2, frame: "3" }, "afterTurn");
  connection.close("stopped");
  await connection.ended;
  expect(peer.texts()).toEqual(["1", "2", "3"]);
});

// Else the claim of a task that runs for hours stays here until something else is said.
test("one that comes right after the end of that turn is sent at the end of its own", async () => {
  await using peer = await RawPeer.start();
  const outbox = new Outbox(() => {});
  const connection = await connect(peer, outbox);
  // No time passes from here on.
  jest.useFakeTimers();
  const sent: number[] = [];
  for (const seq of [1, 2]) {
    outbox.add({ seq, frame: "a" }, "afterTurn");
    await new Promise((resolve) => setImmediate(resolve));
    sent.push(outbox.lastSent);
  }
  connection.drop("over");
  expect(sent).toEqual([1, 2]);
});
