/** When a message counts as delivered: after the pong to a ping that was sent after it, on the same connection. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { LinkRig } from "../unit/control-plane/link-rig.ts";
import { RawPeer } from "../unit/control-plane/raw-peer.ts";

const never = () => [];
/** The ping that asks for a proof waits a moment for more to prove. */
const PROOF_MS = 20;

afterEach(() => void jest.useRealTimers());

describe("a message", () => {
  test("stays in the outbox until the pong, and leaves with it", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    const [ping = ""] = await peer.untilPings(1);
    expect(peer.frames.map(({ kind }) => kind)).toEqual(["text", "ping"]);
    expect([rig.outbox.size, rig.delivered]).toEqual([1, []]);
    peer.send("pong", ping);
    await rig.untilDelivered(1);
    expect(rig.outbox.size).toBe(0);
  });

  test("that came after the ping is proven by the next one, and one ping is under way at a time", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    const [first = ""] = await peer.untilPings(1);
    rig.owe("b");
    rig.owe("c");
    await peer.untilTexts(3);
    expect(peer.pings()).toEqual([first]);
    peer.send("pong", first);
    const [, second = ""] = await peer.untilPings(2);
    expect([rig.delivered, rig.outbox.size]).toEqual([[1], 2]);
    peer.send("pong", second);
    await rig.untilDelivered(3);
    expect(peer.pings()).toHaveLength(2);
  });

  // A thousand assignments in one turn: not one claim was sent before all of them were begun, a second later.
  test("that may wait for the end of its turn waits for it, but not for the end of a long one", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    const lastSent = (frames: number) => {
      for (let seq = 1; seq <= frames; seq++)
        rig.outbox.add({ seq: rig.outbox.size + 1, frame: "x" }, "afterTurn");
      return rig.outbox.lastSent;
    };
    expect(lastSent(2)).toBe(0);
    await peer.untilTexts(2);
    expect(lastSent(1)).toBe(2);
    const startedAt = performance.now();
    let busy = 0;
    while (performance.now() - startedAt < 10) busy += 1;
    expect(busy).toBeGreaterThan(0);
    expect(lastSent(1)).toBe(4);
  });

  test("is not proven by pongs that answer no ping", async () => {
    const numbers = ["", "0", "1", " 1 ", "0x1", "1e0", "2", "999", "NaN", "-1", "1".repeat(125)];
    const nearly = (ping: string) => [ping.slice(1), `${ping} `, ping.toUpperCase(), `${ping}0`, `x${ping}`];
    const unsolicited = (ping: string) =>
      [...numbers, "x", "\u0000", ...nearly(ping)].filter((pong) => pong !== ping);
    await using peer = await RawPeer.start({ pongsFor: unsolicited });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    const [ping = ""] = await peer.untilPings(1);
    // Frames are read in order: once this text is here, so were the pongs before it.
    peer.send("text", "marker");
    await rig.until(() => rig.texts[0]);
    expect([rig.outbox.size, rig.delivered]).toEqual([1, []]);
    peer.send("pong", ping);
    await rig.untilDelivered(1);
  });

  test("that was sent under a ping of the clock's is asked for when that is answered, not 30 s later", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    jest.advanceTimersByTime(30_000);
    const [clocks = ""] = await peer.untilPings(1);
    rig.owe("a");
    await peer.untilTexts(1);
    peer.send("pong", clocks);
    peer.send("text", "marker");
    await rig.until(() => rig.texts[0]);
    jest.advanceTimersByTime(PROOF_MS);
    await peer.untilPings(2);
  });

  test("is proven by the answer to its own ping when an earlier one was answered first", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    rig.owe("a");
    jest.advanceTimersByTime(PROOF_MS);
    await peer.untilPings(1);
    rig.owe("b");
    jest.advanceTimersByTime(30_000);
    for (const ping of await peer.untilPings(2)) peer.send("pong", ping);
    peer.send("text", "marker");
    await rig.until(() => rig.texts[0]);
    expect([rig.delivered, peer.pings().length]).toEqual([[1, 2], 2]);
  });

  test("is proven by the answer to the last of several pings alone", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    rig.owe("a");
    jest.advanceTimersByTime(PROOF_MS);
    await peer.untilPings(1);
    peer.send("text", "alive");
    await rig.until(() => rig.texts[0]);
    jest.advanceTimersByTime(30_000);
    const pings = await peer.untilPings(2);
    peer.send("pong", pings[1] ?? "");
    await rig.untilDelivered(1);
    expect(rig.outbox.size).toBe(0);
    // The earlier ones are answered with it: none of them holds up the next proof.
    rig.owe("b");
    jest.advanceTimersByTime(PROOF_MS);
    await peer.untilPings(3);
  });

  // A ping for each of some hundred short tasks in a second, its pong and what is written of it: 3 to 10 % of their time.
  test("of a rush is asked for together with all that follows, and one that comes alone at once", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start();
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    const oweForMs = (ms: number) => {
      rig.owe("x");
      jest.advanceTimersByTime(ms);
    };
    oweForMs(3);
    await rig.untilDelivered(1);
    // 20 ms from one ping to the next.
    for (const ms of [5, 5, 9]) oweForMs(ms);
    await peer.untilTexts(4);
    expect(peer.pings()).toHaveLength(1);
    oweForMs(1);
    await rig.untilDelivered(5);
    jest.advanceTimersByTime(17);
    oweForMs(3);
    await rig.untilDelivered(6);
    expect(rig.delivered).toEqual([1, 5, 6]);
  });

  test("is not proven by a pong to a ping of the connection before", async () => {
    await using peer = await RawPeer.start({ pongsFor: never });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    const [former = ""] = await peer.untilPings(1, 1);
    rig.owe("b");
    await peer.untilTexts(2, 1);
    peer.drop();
    await peer.untilTexts(2, 2);
    const [ping = ""] = await peer.untilPings(1, 2);
    peer.send("pong", former);
    peer.send("text", "marker");
    await rig.until(() => rig.texts[0]);
    expect(rig.delivered).toEqual([]);
    peer.send("pong", ping);
    await rig.untilDelivered(1);
    expect(peer.texts(2)).toEqual(peer.texts(1));
  });
});

describe("a lost connection", () => {
  test("has everything unproven sent again, oldest first, before what came meanwhile", async () => {
    await using peer = await RawPeer.start({
      pongsFor: (payload, connection) => (connection === 1 ? [] : [payload]),
    });
    await using rig = new LinkRig(peer);
    for (let n = 1; n <= 20; n++) rig.owe(`t${n}`);
    await peer.untilTexts(20, 1);
    peer.drop();
    await rig.untilSaid("connection to the control plane lost");
    rig.owe("t21");
    await rig.untilDelivered(21);
    const ids = peer.texts(2).map((text) => JSON.parse(text).data.task_id);
    expect(ids).toEqual(Array.from({ length: 21 }, (_, n) => `t${n + 1}`));
  });

  test("after some were proven has only the rest sent again", async () => {
    let first = "";
    await using peer = await RawPeer.start({
      pongsFor: (payload, connection) => {
        first ||= payload;
        return connection === 1 && payload !== first ? [] : [payload];
      },
    });
    await using rig = new LinkRig(peer);
    rig.owe("a");
    await rig.untilDelivered(1);
    rig.owe("b");
    await peer.untilPings(2, 1);
    peer.drop();
    await rig.untilDelivered(2);
    expect(peer.texts(2).map((text) => JSON.parse(text).data.task_id)).toEqual(["b"]);
  });
});

describe("the order on the wire", () => {
  test("is kept under back pressure: no ping overtakes the messages that it proves", async () => {
    await using peer = await RawPeer.start({ reading: false });
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    const frame = JSON.stringify({ type: "x", data: "y".repeat(50_000) });
    for (let n = 0; n < 400; n++) rig.oweRaw(`${n} ${frame}`);
    peer.read();
    await rig.untilDelivered(400);
    expect(peer.texts().map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: 400 }, (_, n) => n),
    );
    // The ping whose answer proved the last message came after it.
    expect(peer.frames.at(-1)?.kind).toBe("ping");
  }, 20_000);

  test("is that of owing for a thousand messages, and few pings are enough", async () => {
    await using peer = await RawPeer.start();
    await using rig = new LinkRig(peer);
    await rig.untilConnected();
    for (let n = 0; n < 1_000; n++) rig.owe(`t${n}`);
    await rig.untilDelivered(1_000);
    expect(peer.texts().map((text) => JSON.parse(text).data.task_id)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => `t${n}`),
    );
    expect(peer.pings().length).toBeLessThan(200);
  });
});

test("the link pings every 30 s although there is nothing to say", async () => {
  jest.useFakeTimers();
  await using peer = await RawPeer.start();
  await using rig = new LinkRig(peer);
  await rig.untilConnected();
  for (let count = 1; count <= 4; count++) {
    jest.advanceTimersByTime(29_999);
    expect(peer.pings()).toHaveLength(count - 1);
    jest.advanceTimersByTime(1);
    await peer.untilPings(count);
    // The pong is on its way before this text is.
    peer.send("text", `round ${count}`);
    await rig.until(() => rig.texts[count - 1]);
  }
  expect(rig.log.said("warn")).toEqual([]);
});
