/** What doctor says of a control plane, and does to it. */
import { describe, expect, test } from "bun:test";
import { checkControlPlane } from "../../src/doctor/control-plane.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import type { ProxyVariables } from "../../src/runtime/proxy.ts";
import { ConnectProxy } from "../support/connect-proxy.ts";
import { TestPki } from "../support/test-pki.ts";
import { RawPeer } from "../unit/control-plane/raw-peer.ts";

/** Long for what comes, short for what never does. */
const PATIENT = { handshakeMs: 10_000, pongMs: 10_000, closeMs: 2_000 };
const HASTY = { ...PATIENT, handshakeMs: 300, pongMs: 100, closeMs: 100 };
const KEY = "key-of-the-worker";

interface Ways {
  readonly limits?: typeof PATIENT;
  readonly proxyVariables?: ProxyVariables;
  readonly stop?: AbortSignal;
  readonly privateCa?: string;
  readonly readKey?: () => Promise<string>;
}

function check(webSocketUrl: string, ways: Ways = {}): Promise<readonly Finding[]> {
  const { limits = PATIENT, proxyVariables = {}, stop = new AbortController().signal } = ways;
  const read = ways.readKey ?? (async () => KEY);
  const key = { label: "WARP_API_KEY", shown: null, read };
  const settings = { webSocketUrl, workerId: "w", key };
  return checkControlPlane({ settings, proxyVariables, privateCa: ways.privateCa ?? null, stop, limits });
}

describe("a control plane that works", () => {
  test("is told with the time that it took, and is shown key and an id of doctor's own", async () => {
    await using peer = await RawPeer.start();
    expect(await check(`${peer.url}?tenant=t0ken`)).toEqual([
      {
        name: "control-plane",
        status: "ok",
        detail: expect.stringMatching(
          /^connected to ws:\/\/127\.0\.0\.1:\d+\/ as w@doctor in \d+ ms, without a proxy$/,
        ),
      },
      { name: "delivery", status: "ok", detail: expect.stringMatching(/^a ping was answered in \d+ ms$/) },
    ]);
    expect(peer.requests).toHaveLength(1);
    expect(peer.requests[0]).toMatch(/^GET \/\?tenant=t0ken&worker_id=w%40doctor HTTP/);
    expect(peer.requests[0]).toContain(`Authorization: Bearer ${KEY}\r\n`);
  });

  test("is sent one ping and a close, and nothing in answer to what it sends", async () => {
    await using peer = await RawPeer.start({
      pongsFor: (payload) => {
        peer.send("text", '{"type":"task_assignment","data":{"task_id":"t"}}');
        return [payload];
      },
    });
    await check(peer.url);
    await peer.untilAllClosed();
    expect(peer.frames.map(({ kind }) => kind)).toEqual(["ping", "close"]);
  });

  test("is reached through a proxy, of which host and port are told and the password is not", async () => {
    await using pki = await TestPki.create();
    await using plane = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: pki.pem("server.pem"), key: pki.pem("server.key") },
      fetch: (request, self) => (self.upgrade(request, { data: undefined }) ? undefined : new Response("")),
      websocket: { message: () => {} },
    });
    await using proxy = await ConnectProxy.start();
    const proxyVariables = { https_proxy: proxy.url.replace("//", "//user:pass-word@") };
    const url = `wss://localhost:${plane.port}/`;
    const [found, delivery] = await check(url, { proxyVariables, privateCa: pki.pem("ca.pem") });
    expect(found?.detail).toEndWith(`through the proxy 127.0.0.1:${proxy.port}`);
    expect([found?.status, delivery?.status]).toEqual(["ok", "ok"]);
    expect(proxy.tunnels).toHaveLength(1);
    // Without the authority that only the configuration knows.
    const [untrusted] = await check(url, { proxyVariables });
    expect(untrusted).toMatchObject({ status: "fail", hint: expect.stringContaining("ca_file") });
  });
});

describe("of one that does not", () => {
  test.each([401, 403])("%d is told in the daemon's words", async (status) => {
    await using peer = await RawPeer.start({ answer: `HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n` });
    expect(await check(peer.url)).toEqual([
      {
        name: "control-plane",
        status: "fail",
        detail: `control plane refused the key, WARP_API_KEY: HTTP ${status} from ${peer.url}, without a proxy`,
        hint: "set a valid team API key there and start again",
      },
      { name: "delivery", status: "skip", detail: "there is no connection to ask over" },
    ]);
  });

  test("any other status is told, and is not taken for the key's fault", async () => {
    await using peer = await RawPeer.start({ answer: "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n" });
    const [found, delivery] = await check(peer.url);
    expect(found).toMatchObject({
      status: "fail",
      detail: `control plane refused the connection: HTTP 502 from ${peer.url}, without a proxy`,
    });
    expect(delivery?.status).toBe("skip");
  });

  test("it is told that nobody is there", async () => {
    await using peer = await RawPeer.start();
    const { url } = peer;
    await peer[Symbol.asyncDispose]();
    expect((await check(url))[0]).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(
        /^cannot connect to the control plane at ws:\S+, without a proxy: no connection to /,
      ),
    });
  });

  test("a handshake that is not answered is not waited for for ever", async () => {
    await using peer = await RawPeer.start({ answer: "" });
    expect((await check(peer.url, { limits: HASTY }))[0]).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("no answer to the handshake in 0.3 s"),
    });
  });

  test.each([
    ["none", () => []],
    ["another's", () => ["not-yours"]],
  ])(
    "pongs (%s) that do not come are a warning, for a worker would reconnect for ever",
    async (_which, pongsFor) => {
      await using peer = await RawPeer.start({ pongsFor });
      const [found, delivery] = await check(peer.url, { limits: HASTY });
      expect(found?.status).toBe("ok");
      expect(delivery).toMatchObject({
        status: "warn",
        detail: expect.stringContaining("no answer to a ping within 0.1 s"),
        hint: expect.stringContaining("proxy"),
      });
    },
  );

  test("an end at once is told with the other side's words", async () => {
    const reason = Buffer.from([0x0f, 0xa1, ...Buffer.from("no such team")]);
    await using peer = await RawPeer.start({
      pongsFor: () => {
        peer.send("close", reason);
        return [];
      },
    });
    const [found, delivery] = await check(peer.url);
    expect(found?.status).toBe("ok");
    expect(delivery).toMatchObject({ status: "fail", detail: expect.stringContaining("no such team") });
  });

  test("a proxy that is none is told as that", async () => {
    const [found] = await check("wss://plane.test/", { proxyVariables: { HTTPS_PROXY: "socks5://p:1" } });
    expect(found).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("HTTPS_PROXY is not a proxy of HTTP"),
    });
  });

  test("a key that can no longer be read is told as that", async () => {
    const readKey = () => Promise.reject(new Error("Cannot read the API key file"));
    expect((await check("ws://127.0.0.1:9/", { readKey }))[0]).toMatchObject({
      status: "fail",
      detail: "Cannot read the API key file",
    });
  });
});

test.each(["handshake", "pong"])("a stop while the %s is waited for ends it at once", async (what) => {
  await using peer = await RawPeer.start(what === "pong" ? { pongsFor: () => [] } : { answer: "" });
  const stop = new AbortController();
  const checked = check(peer.url, { stop: stop.signal });
  await (what === "pong" ? peer.untilPings(1) : peer.untilRequests(1));
  stop.abort(new Error("asked to"));
  expect(checked).rejects.toThrow("asked to");
  await checked.catch(() => {});
  await peer.untilAllClosed();
});
