/** What src/runtime does on the network, by each runtime: the far sides are the test's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { ConnectProxy } from "../support/connect-proxy.ts";
import { ask, ProbeProcess, RUNTIMES } from "../support/runtime.ts";
import { TempDir } from "../support/temp-dir.ts";
import { TestPki } from "../support/test-pki.ts";

let pki: TestPki;

beforeAll(async () => {
  pki = await TestPki.create();
  await pki.authority("other");
  await pki.certificate("elsewhere", "ca", "DNS:elsewhere.test");
});

afterAll(() => pki[Symbol.asyncDispose]());

interface Far extends AsyncDisposable {
  readonly port: number;
  readonly heard: string[];
}

/** HTTPS that wants a certificate of the client's, WSS that wants none; `name` is its own certificate's. */
function far(name: string, { mutual = false, last = "bye" } = {}): Far {
  const heard: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: {
      cert: pki.pem(`${name}.pem`),
      key: pki.pem(`${name}.key`),
      ...(mutual ? { ca: pki.pem("ca.pem"), requestCert: true, rejectUnauthorized: true } : {}),
    },
    async fetch(request, self) {
      const { pathname } = new URL(request.url);
      if (pathname === "/refused") return new Response("no", { status: 403 });
      if (pathname === "/away") return Response.redirect("/elsewhere", 302);
      if (self.upgrade(request, { data: undefined })) {
        heard.push(request.headers.get("Authorization") ?? "");
        return undefined;
      }
      const body = new Uint8Array(await request.arrayBuffer());
      const text = request.headers.get("Content-Encoding") === "gzip" ? Bun.gunzipSync(body) : body;
      heard.push(`${request.method} ${request.headers.get("X-Probe")} ${new TextDecoder().decode(text)}`);
      return new Response("answer", { headers: { "Content-Type": "text/x-answer" } });
    },
    websocket: {
      message: (socket, text) => {
        heard.push(String(text.length));
        if (text === "done") return void socket.send(last);
        socket.ping("from the server");
        socket.send(Buffer.from("binary"));
      },
    },
  });
  return { port: server.port ?? 0, heard, [Symbol.asyncDispose]: () => server.stop(true) };
}

describe.each(RUNTIMES.map(({ name, argv }) => [name, argv] as const))("under %s", (_name, runtime) => {
  const socketTo = (port: number, more: object = {}) => ({
    url: `wss://localhost:${port}/`,
    headers: { Authorization: "Bearer key" },
    proxy: null,
    certificateAuthorities: [pki.pem("ca.pem")],
    ...more,
  });

  describe("a WebSocket", () => {
    test("carries headers, a large text, pings with their payload, and a good end", async () => {
      await using server = far("server");
      const said = await ask(runtime, "socket", socketTo(server.port));
      expect(said["events"]).toEqual(
        expect.arrayContaining(["open", ["pong", "p1"], ["text", "binary"], ["text", "bye"]]),
      );
      expect([said["why"], said["status"]]).toEqual(["closed by the peer with code 1000", null]);
      expect(server.heard).toEqual(["Bearer key", "1000000", "4"]);
    });

    test("can be dropped without a word", async () => {
      await using server = far("server", { last: "drop" });
      const said = await ask(runtime, "socket", socketTo(server.port));
      expect([said["status"], said["events"]]).toEqual([null, expect.arrayContaining([["text", "drop"]])]);
    });

    test("that is refused tells the status", async () => {
      await using server = far("server");
      const url = `wss://localhost:${server.port}/refused`;
      const said = await ask(runtime, "socket", socketTo(server.port, { url }));
      expect(said).toMatchObject({ events: [], status: 403, why: expect.stringContaining("403") });
    });

    test.each([
      ["no authority is given", "server", null],
      ["the authority is another", "server", "other"],
      ["the certificate is for another name", "elsewhere", "ca"],
    ])("is not opened when %s", async (_why, certificate, authority) => {
      await using server = far(certificate);
      const certificateAuthorities = authority === null ? null : [pki.pem(`${authority}.pem`)];
      for (const host of ["localhost", "127.0.0.1"]) {
        const url = `wss://${host}:${server.port}/`;
        const said = await ask(runtime, "socket", socketTo(server.port, { url, certificateAuthorities }));
        expect(said).toMatchObject({ events: [], status: null });
        expect(said["why"]).toMatch(/certificate|TLS|hostname|altname|CA/i);
      }
      expect(server.heard).toEqual([]);
    });

    test("goes through a proxy, with its credentials, to a server that is checked all the same", async () => {
      await using proxy = await ConnectProxy.start();
      const through = { proxy: proxy.url.replace("//", "//user:p%40ss@") };
      await using server = far("server");
      const said = await ask(runtime, "socket", socketTo(server.port, through));
      expect(said["why"]).toBe("closed by the peer with code 1000");
      const request = `CONNECT localhost:${server.port} HTTP/1.1`;
      expect(proxy.tunnels).toEqual([{ request, credentials: `Basic ${btoa("user:p@ss")}` }]);
      await using other = far("elsewhere");
      expect(await ask(runtime, "socket", socketTo(other.port, through))).toMatchObject({ events: [] });
      expect(other.heard).toEqual([]);
    });

    test("that a proxy refuses is refused by nobody else", async () => {
      await using proxy = Bun.serve({
        hostname: "127.0.0.1",
        port: 0,
        fetch: () => new Response("no", { status: 403 }),
      });
      const said = await ask(runtime, "socket", socketTo(1, { proxy: proxy.url.href }));
      expect(said).toMatchObject({ events: [], status: null });
    });
  });

  describe("a connection", () => {
    test("to a unix socket and to a port brings back what is sent, however much", async () => {
      await using dir = await TempDir.create("dial");
      const said = { text: "some text ", times: 300_000 };
      for (const path of [dir.join("socket"), null]) {
        const server = createServer((peer) => peer.pipe(peer));
        await new Promise<void>((listening) =>
          server.listen(path ?? { port: 0, host: "127.0.0.1" }, listening),
        );
        const address = server.address();
        const port = typeof address === "object" ? address?.port : 0;
        const answer =
          path === null
            ? await ask(runtime, "tcp", { host: "127.0.0.1", port, tls: null, ...said })
            : await ask(runtime, "unix", { path, ...said });
        expect(answer).toEqual({ whole: true, after: null });
        server.close();
      }
    });

    test("that cannot be made says why by the system's name", async () => {
      expect(await ask(runtime, "unix", { path: "/no/socket", text: "" })).toMatchObject({
        failed: "ENOENT",
      });
      const nowhere = { host: "127.0.0.1", port: 1, tls: null, text: "" };
      expect(await ask(runtime, "tcp", nowhere)).toMatchObject({ failed: "ECONNREFUSED" });
    });

    test("by TLS checks the certificate, and shows its own", async () => {
      await using server = far("server", { mutual: true });
      const { ca, cert, key } = pki.client;
      const request = "GET / HTTP/1.1\r\nHost: x\r\nX-Probe: tls\r\n\r\n";
      const to = (tls: object) => ({ host: "localhost", port: server.port, text: request, tls });
      await ask(runtime, "tcp", to({ ca, cert, key, verify: true }));
      expect(server.heard).toEqual(["GET tls "]);
      const wrong = await ask(runtime, "tcp", to({ ca: pki.pem("other.pem"), cert, key, verify: true }));
      expect(wrong["why"]).toMatch(/certificate/i);
      expect(server.heard).toHaveLength(1);
    });
  });

  describe("a request to a cluster", () => {
    const request = (port: number, more: object = {}) => ({
      url: `https://localhost:${port}/`,
      tls: pki.client,
      proxy: null,
      ...more,
    });

    test("shows its certificate, and checks the server's", async () => {
      await using server = far("server", { mutual: true });
      const good = { status: 200, kind: "text/x-answer", text: "answer" };
      expect(await ask(runtime, "cluster", request(server.port))).toEqual(good);
      for (const method of ["POST", "PATCH", "DELETE"]) {
        expect(await ask(runtime, "cluster", request(server.port, { method, body: "é" }))).toEqual(good);
      }
      expect(server.heard).toEqual(["GET 1 ", "POST 1 é", "PATCH 1 é", "DELETE 1 é"]);
      const tls = { ...pki.client, ca: pki.pem("other.pem") };
      expect((await ask(runtime, "cluster", request(server.port, { tls })))["failed"]).toBeString();
      const unchecked = { ...tls, rejectUnauthorized: false };
      expect(await ask(runtime, "cluster", request(server.port, { tls: unchecked }))).toEqual(good);
    });

    test("may expect another name of the server, goes through a proxy, and follows nobody", async () => {
      await using server = far("elsewhere", { mutual: true });
      expect((await ask(runtime, "cluster", request(server.port)))["failed"]).toBeString();
      const tls = { ...pki.client, serverName: "elsewhere.test" };
      const named = await ask(runtime, "cluster", request(server.port, { tls }));
      await using proxy = await ConnectProxy.start();
      const proxied = await ask(runtime, "cluster", request(server.port, { tls, proxy: proxy.url }));
      expect([named["text"], proxied["text"], proxy.tunnels.length]).toEqual(["answer", "answer", 1]);
      const url = `https://localhost:${server.port}/away`;
      expect((await ask(runtime, "cluster", request(server.port, { tls, url })))["failed"]).toBeString();
    });
  });

  test("a POST is compressed, trusts whom it is told, and leaves out the proxy for this host", async () => {
    await using proxy = await ConnectProxy.start();
    await using server = far("server", { mutual: true });
    const { ca: authorities, cert: certificate, key } = pki.client;
    const url = `https://localhost:${server.port}/`;
    const tls = { authorities, certificate, key };
    const answer = await ask(runtime, "post", { url, gzip: true, tls });
    expect([answer, server.heard]).toEqual([{ status: 200, text: "answer" }, ["POST 1 said"]]);
    const wrong = { ...tls, authorities: pki.pem("other.pem") };
    expect((await ask(runtime, "post", { url, gzip: true, tls: wrong }))["failed"]).toBeString();
    await using plain = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("plain") });
    const none = { authorities: null, certificate: null, key: null };
    const env = { HTTP_PROXY: proxy.url };
    const given = { url: plain.url.href, gzip: false, tls: none };
    expect(await ask(runtime, "post", given, env)).toEqual({ status: 200, text: "plain" });
    expect(await ask(runtime, "direct", { url: plain.url.href }, env)).toEqual({ text: "plain" });
    expect(proxy.tunnels).toEqual([]);
  });

  test("the small server answers, hides what went wrong, and says when its port is taken", async () => {
    await using server = new ProbeProcess(runtime, "small", { port: 0 });
    const { port } = await server.next();
    const url = `http://127.0.0.1:${port}/`;
    expect(await (await fetch(url)).text()).toBe("small\n");
    const failed = await fetch(url, { method: "POST" });
    expect([failed.status, await failed.text()]).toEqual([500, "Something went wrong\n"]);
    await using other = await ConnectProxy.start();
    expect(await ask(runtime, "small", { port: other.port })).toMatchObject({ failed: "EADDRINUSE" });
    server.end();
    expect(await server.next()).toEqual({ stopped: true });
  });

  test("the control plane's server takes bodies and WebSockets, and hears their pings", async () => {
    await using server = new ProbeProcess(runtime, "plane", {});
    const { port } = await server.next();
    const url = `http://127.0.0.1:${port}`;
    const echoed = await fetch(`${url}/echo`, { method: "POST", body: "é".repeat(100_000) });
    expect([echoed.status, await echoed.text()]).toEqual([201, "é".repeat(100_000)]);
    expect(await (await fetch(`${url}/throw`)).text()).toBe("thrown\n");
    const refused = await ask(runtime, "socket", {
      url: `ws://127.0.0.1:${port}/up`,
      headers: {},
      proxy: null,
      certificateAuthorities: null,
    });
    expect(refused).toMatchObject({ events: [], status: 401 });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/up`, { headers: { Authorization: "Bearer key" } });
    await new Promise((hello) => socket.addEventListener("message", hello, { once: true }));
    socket.send("text");
    socket.send(new Uint8Array(3));
    const answered = new Promise((pong) => socket.addEventListener("pong", pong, { once: true }));
    socket.ping("p");
    await answered;
    socket.close(1000, "enough");
    const heard = [true, true, "text", 3, "ping"];
    expect(await server.next()).toEqual({ heard, code: 1000, reason: "enough" });
    server.end();
    expect(await server.next()).toEqual({ stopped: true });
  });
});
