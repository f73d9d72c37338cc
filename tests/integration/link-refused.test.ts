/** Handshakes that are answered with anything but 101, and connections that are not made at all. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { whyNotConnected } from "../../src/runtime/no-connection.ts";
import { openSocket } from "../../src/runtime/web-socket.ts";
import { OWN_LOOPBACK } from "../support/own-loopback.ts";
import { LinkRig } from "../unit/control-plane/link-rig.ts";
import { RawPeer } from "../unit/control-plane/raw-peer.ts";

const REFUSED = "control plane refused the connection";
const REFUSED_KEY = "control plane refused the key";
const UNREACHABLE = "cannot connect to the control plane";
/** The ping that asks for a proof waits a moment for more to prove. */
const PROOF_MS = 20;

afterEach(() => void jest.useRealTimers());

const http = (status: string, body = "", headers = "") =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;

describe("a refused key", () => {
  test.each([401, 403])("at the very first handshake ends the link: %p", async (status) => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "key" });
    plane.faults.refuse(status);
    await using rig = LinkRig.to(plane);
    expect(await rig.ended).toEqual({ kind: "unauthorized", status });
    expect(plane.handshakes).toHaveLength(1);
  });

  test("that is simply wrong does so too", async () => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "other" });
    await using rig = LinkRig.to(plane);
    expect(await rig.ended).toEqual({ kind: "unauthorized", status: 401 });
  });

  test("after the control plane could not be reached at first is still a first one", async () => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "other" });
    plane.faults.refuse(503, 3);
    await using rig = LinkRig.to(plane);
    expect(await rig.ended).toEqual({ kind: "unauthorized", status: 401 });
    expect(plane.handshakes.map(({ outcome }) => outcome)).toEqual([503, 503, 503, 401]);
  });

  // Once that ended the link without a word, for hours in which the worker let its tasks end, and nothing was delivered.
  test("at the first handshake of a worker that is stopping is told, and a new key is used at the next attempt", async () => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "new" });
    let key = "old";
    jest.useFakeTimers();
    await using rig = LinkRig.to(plane, { key: () => key });
    rig.link.hasten();
    const { level, fields } = await rig.untilSaid(REFUSED_KEY);
    expect({ level, fields }).toMatchObject({ level: "error", fields: { status: 401, retryInSeconds: 30 } });
    key = "new";
    rig.owe("a");
    jest.advanceTimersByTime(30_100);
    await rig.untilConnected();
    jest.advanceTimersByTime(PROOF_MS);
    await rig.untilDelivered(1);
  });

  test("after a good connection is retried slowly and loudly, and a new key is used at the next attempt", async () => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "old" });
    let key = "old";
    await using rig = LinkRig.to(plane, { key: () => key });
    await rig.untilConnected();
    await plane.waitForOpenLinks(1);
    jest.useFakeTimers();
    plane.apiKey = "new";
    plane.faults.drop();
    await rig.untilSaid("connection to the control plane lost");
    jest.advanceTimersByTime(1);
    for (let attempt = 1; attempt <= 3; attempt++) {
      const line = await rig.untilSaid(REFUSED_KEY, attempt);
      expect(line).toMatchObject({
        level: "error",
        fields: { status: 401, key: "the test's key", retryInSeconds: 30 },
      });
      const before = plane.handshakes.length;
      jest.advanceTimersByTime(29_900);
      expect(plane.handshakes).toHaveLength(before);
      if (attempt === 3) key = "new";
      jest.advanceTimersByTime(200);
    }
    await rig.untilConnected(2);
    rig.owe("a");
    jest.advanceTimersByTime(PROOF_MS);
    await rig.untilDelivered(1);
  });
});

describe("any other answer is a failed attempt, and the next may succeed", () => {
  test.each([400, 404, 407, 429, 500, 502, 503])("%p", async (status) => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "key" });
    plane.faults.refuse(status, 2);
    await using rig = LinkRig.to(plane);
    await rig.untilConnected();
    expect((await rig.untilSaid(REFUSED)).fields).toMatchObject({ status, attempts: 1 });
    const connected = await rig.untilSaid("connected to the control plane");
    expect(connected.fields).toMatchObject({ afterAttempts: 2 });
    expect(rig.log.said("warn")).toHaveLength(1);
  });

  test.each([
    [
      "200 OK",
      http("200 OK", "<html>Sign in to the hotel's network</html>", "Content-Type: text/html\r\n"),
      200,
    ],
    [
      "101 without a key",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
      null,
    ],
    [
      "101 with a wrong key",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
      null,
    ],
    ["rubbish", "SSH-2.0-OpenSSH_9.2\r\n\r\n", null],
  ])("%s", async (_name, answer, status) => {
    await using peer = await RawPeer.start({ answer });
    await using rig = new LinkRig({ url: peer.url, jitter: 0.05 });
    const line = await rig.until(() => rig.log.lines.find(({ level }) => level === "warn"));
    if (status === null) expect(line.message).toBe(UNREACHABLE);
    else expect(line).toMatchObject({ message: REFUSED, fields: { status } });
    await peer.untilRequests(2);
    expect(rig.log.said()).not.toContain("connected to the control plane");
  });

  test.each(["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])(
    "%s is not followed: the key is not for whoever is named there",
    async (status) => {
      await using elsewhere = await RawPeer.start();
      await using peer = await RawPeer.start({
        answer: http(status, "", `Location: http://127.0.0.1:${elsewhere.port}/\r\n`),
      });
      await using rig = new LinkRig({ url: peer.url, jitter: 0.05 });
      const line = await rig.untilSaid(REFUSED);
      expect(line.fields["status"]).toBe(Number(status.slice(0, 3)));
      await peer.untilRequests(2);
      expect(elsewhere.requests).toEqual([]);
    },
  );
});

describe("no connection at all", () => {
  test("nobody listening is said once with a count, and the link comes up when somebody does", async () => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "key" });
    await plane.goDown();
    await using rig = LinkRig.to(plane, { jitter: 0.01 });
    await rig.untilSaid(UNREACHABLE, 3);
    await plane.comeUp();
    await rig.untilConnected();
    expect(rig.log.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    rig.owe("a");
    await rig.untilDelivered(1);
  });

  test("a key that cannot be read is an attempt like any other", async () => {
    await using plane = await ControlPlane.start({ host: OWN_LOOPBACK, apiKey: "key" });
    let reads = 0;
    const socketOptions = async () => {
      reads += 1;
      if (reads < 3) throw new Error("Cannot read the key file");
      const headers = { Authorization: "Bearer key" };
      return { url: `${plane.webSocketUrl}?worker_id=w`, headers, proxy: null, certificateAuthorities: null };
    };
    await using rig = LinkRig.to(plane, { socketOptions });
    expect((await rig.untilSaid(UNREACHABLE)).fields["why"]).toBe("Cannot read the key file");
    await rig.untilConnected();
    expect(reads).toBe(3);
  });

  test("attempts are further and further apart, and near again after a connection that served", async () => {
    jest.useFakeTimers();
    await using peer = await RawPeer.start({ answer: http("503 Busy") });
    await using rig = new LinkRig({ url: peer.url, jitter: 1 - Number.EPSILON });
    for (const [attempt, seconds] of [1, 2, 4, 8, 16, 32, 60, 60].entries()) {
      const line = await rig.untilSaid(REFUSED, attempt + 1);
      expect(line.fields["retryInSeconds"]).toBe(seconds);
      jest.advanceTimersByTime(seconds * 1_000 - 10);
      expect(peer.requests).toHaveLength(attempt + 1);
      jest.advanceTimersByTime(20);
    }
  });

  test("a server that takes connections and drops them at once is not met at full speed", async () => {
    await using peer = await RawPeer.start();
    jest.useFakeTimers();
    await using rig = new LinkRig({ url: peer.url, jitter: 1 - Number.EPSILON });
    for (const [round, seconds] of [1, 2, 4, 8].entries()) {
      await rig.untilConnected(round + 1);
      peer.drop();
      const line = await rig.untilSaid("connection to the control plane lost", round + 1);
      expect(line.fields["retryInSeconds"]).toBe(seconds);
      jest.advanceTimersByTime(seconds * 1_000 + 10);
    }
    await rig.untilConnected(5);
    rig.owe("a");
    jest.advanceTimersByTime(PROOF_MS);
    await rig.untilDelivered(1);
    peer.drop();
    expect((await rig.untilSaid("connection to the control plane lost", 5)).fields["retryInSeconds"]).toBe(1);
  });

  // An idle worker has nothing that could be proven: else each lost link would double its wait, and for good.
  test("a connection of ten seconds served, although nothing was said on it, and a shorter one did not", async () => {
    await using peer = await RawPeer.start();
    jest.useFakeTimers();
    await using rig = new LinkRig({ url: peer.url, jitter: 1 - Number.EPSILON });
    const rounds = [
      [9_900, 1],
      [9_900, 2],
      [10_000, 1],
      [9_900, 2],
    ] as const;
    for (const [round, [lastedMs, seconds]] of rounds.entries()) {
      await rig.untilConnected(round + 1);
      jest.advanceTimersByTime(lastedMs);
      peer.drop();
      const line = await rig.untilSaid("connection to the control plane lost", round + 1);
      expect(line.fields["retryInSeconds"]).toBe(seconds);
      jest.advanceTimersByTime(seconds * 1_000 + 10);
    }
  });
});

test("Bun still tells the status of a refused handshake in the words that are looked for", async () => {
  for (const status of [200, 302, 401, 403, 503]) {
    await using peer = await RawPeer.start({ answer: http(`${status} X`) });
    const { promise, resolve } = Promise.withResolvers<{ status: number | null; why: string }>();
    const ignore = () => {};
    openSocket(
      { url: peer.url, headers: {}, proxy: null, certificateAuthorities: null },
      { onOpen: ignore, onText: ignore, onPong: ignore, onFrame: ignore, onEnd: resolve },
    );
    const end = await promise;
    expect(end.status).toBe(status);
    expect(end.why).not.toContain(peer.url);
  }
});

// Once: "Failed to connect", of a name that nobody knew, of a closed port and of a proxy that was down alike.
test.each([
  [
    "ws://127.0.0.1:9/ws",
    null,
    /^no connection to 127\.0\.0\.1:9: nothing listens there, or something on the way refuses it \(.*ECONNREFUSED/,
  ],
  [
    "ws://[::1]:9/ws",
    null,
    /^no connection to \[::1\]:9: (?:nothing listens there, or something on the way refuses it|no way leads there) \(/,
  ],
  // With two addresses, on most hosts.
  [
    "ws://localhost:9/ws",
    null,
    /^no connection to localhost:9: nothing listens there, or something on the way refuses it \(connect ECONNREFUSED /,
  ],
  [
    "ws://no-such-host.invalid/ws",
    null,
    /^no connection to no-such-host\.invalid: its name (?:is not known|cannot be looked up for now) \(/,
  ],
  [
    "ws://control.invalid/ws",
    "http://me:s3cret@127.0.0.1:9",
    /^no connection to the proxy 127\.0\.0\.1:9: nothing listens there, or something on the way refuses it \(/,
  ],
  [
    "wss://control.invalid/ws",
    "http://me:s3cret@127.0.0.1:9",
    /^no connection to the proxy 127\.0\.0\.1:9: nothing listens there, or something on the way refuses it \(/,
  ],
])(
  "when %s by the proxy %p cannot be reached, it is said who could not be, and why",
  async (url, proxy, words) => {
    const { promise, resolve } = Promise.withResolvers<{ status: number | null; why: string }>();
    const ignore = () => {};
    openSocket(
      { url, headers: {}, proxy, certificateAuthorities: null },
      { onOpen: ignore, onText: ignore, onPong: ignore, onFrame: ignore, onEnd: resolve },
    );
    const end = await promise;
    expect(end.why).toMatch(words);
    expect(end.why).not.toContain("s3cret");
    expect(end.status).toBeNull();
  },
);

test("a host that can be reached when it is asked why it could not be is said to be back, and let go of", async () => {
  const closed = Promise.withResolvers<void>();
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => {}, close: () => closed.resolve() },
  });
  expect(await whyNotConnected({ url: `ws://127.0.0.1:${server.port}/ws`, proxy: null })).toBe(
    `no connection to 127.0.0.1:${server.port}: it was out of reach, and can be reached again`,
  );
  await closed.promise;
});
