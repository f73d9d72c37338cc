/** The link through TLS with a private CA, and through a CONNECT proxy. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { prepareHandshake } from "../../src/control-plane/handshake.ts";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { TestPki } from "../support/test-pki.ts";
import { LinkRig } from "../unit/control-plane/link-rig.ts";

const UNREACHABLE = "cannot connect to the control plane";

let pki: TestPki;

beforeAll(async () => {
  pki = await TestPki.create();
  await pki.authority("other");
  await pki.certificate("elsewhere", "ca", "DNS:elsewhere.test");
});

afterAll(() => pki[Symbol.asyncDispose]());

/** A WebSocket server that keeps what it reads. */
function secureServer(certificate: string) {
  const texts: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: pki.pem(`${certificate}.pem`), key: pki.pem(`${certificate}.key`) },
    fetch: (request, self) =>
      self.upgrade(request, { data: undefined }) ? undefined : new Response("no", { status: 400 }),
    websocket: { message: (_socket, text) => void texts.push(String(text)) },
  });
  return { texts, port: server.port ?? 0, [Symbol.asyncDispose]: () => server.stop(true) };
}

const overTls = (port: number, ca: string | null, proxy?: string, host = "127.0.0.1") => ({
  url: "",
  jitter: 0.05,
  socketOptions: () =>
    prepareHandshake({
      webSocketUrl: `wss://${host}:${port}/`,
      workerId: "w",
      userAgent: "tests/1",
      readKey: async () => "key",
      proxyVariables: proxy === undefined ? {} : { HTTPS_PROXY: proxy },
      privateCa: ca === null ? null : pki.pem(ca),
    }),
});

describe("wss with a private CA", () => {
  test.each(["127.0.0.1", "localhost"])(
    "connects to %s and delivers when the CA is trusted",
    async (host) => {
      await using server = secureServer("server");
      await using rig = new LinkRig(overTls(server.port, "ca.pem", undefined, host));
      rig.owe("a");
      await rig.untilDelivered(1);
      expect(server.texts).toHaveLength(1);
    },
  );

  test.each([
    ["no CA is given", null, "server", /inspects TLS, put its authority into ca_file/],
    ["the CA is another", "other.pem", "server", /inspects TLS, put its authority into ca_file/],
    ["the certificate is for another name", "ca.pem", "elsewhere", /^undefined$/],
  ])("is refused when %s, with a word about why, and what to do", async (_why, ca, certificate, hint) => {
    await using server = secureServer(certificate);
    await using rig = new LinkRig(overTls(server.port, ca));
    rig.owe("a");
    const { fields } = await rig.untilSaid(UNREACHABLE, 1);
    expect(String(fields["why"])).toMatch(/certificate|TLS|hostname|altname|CA/i);
    expect(String(fields["hint"])).toMatch(hint);
    expect([server.texts, rig.delivered]).toEqual([[], []]);
  });
});

/** Notes each request's head, then joins both ends or answers with a status. */
async function startProxy(
  answer: "200 Connection established" | "407 Proxy Authentication Required" | "502 Bad Gateway",
) {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    client.on("error", () => {});
    client.once("data", (chunk) => {
      const head = chunk.toString("latin1");
      heads.push(head);
      const [, host = "", port = ""] = /^CONNECT \[?([^\]\s]+?)\]?:(\d+) /.exec(head) ?? [];
      if (!answer.startsWith("200")) {
        client.end(`HTTP/1.1 ${answer}\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      const target = connect(Number(port), host, () => {
        client.write(`HTTP/1.1 ${answer}\r\n\r\n`);
        client.pipe(target).pipe(client);
      });
      sockets.add(target);
      target.on("error", () => client.destroy());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    heads,
    port: address !== null && typeof address === "object" ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

describe("a proxy", () => {
  test("carries the link by CONNECT, with its own credentials and without the worker's key", async () => {
    await using server = secureServer("server");
    await using proxy = await startProxy("200 Connection established");
    await using rig = new LinkRig(
      overTls(server.port, "ca.pem", `http://user:p%40ss@127.0.0.1:${proxy.port}`),
    );
    rig.owe("a");
    await rig.untilDelivered(1);
    const [head = ""] = proxy.heads;
    expect(head).toStartWith(`CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n`);
    expect(head).toContain(`Proxy-Authorization: Basic ${btoa("user:p@ss")}`);
    expect(head).not.toContain("Bearer");
  });

  test("still leaves the certificate to be checked", async () => {
    await using server = secureServer("server");
    await using proxy = await startProxy("200 Connection established");
    await using rig = new LinkRig(overTls(server.port, "other.pem", `http://127.0.0.1:${proxy.port}`));
    rig.owe("a");
    await rig.untilSaid(UNREACHABLE);
    expect([server.texts, proxy.heads.length]).toEqual([[], 1]);
  });

  test("carries a plain ws link too", async () => {
    await using plane = await ControlPlane.start({ apiKey: "key" });
    await using proxy = await startProxy("200 Connection established");
    await using rig = LinkRig.to(plane, { proxy: `http://127.0.0.1:${proxy.port}` });
    rig.owe("a");
    await rig.untilDelivered(1);
    expect(proxy.heads[0]).toStartWith("CONNECT ");
  });

  test.each(["407 Proxy Authentication Required", "502 Bad Gateway"] as const)(
    "that answers %s is a failed attempt, not a refused key, and its credentials are in no log line",
    async (answer) => {
      await using server = secureServer("server");
      await using proxy = await startProxy(answer);
      await using rig = new LinkRig(
        overTls(server.port, "ca.pem", `http://user:hunter2@127.0.0.1:${proxy.port}`),
      );
      const line = await rig.until(() => rig.log.lines.find(({ level }) => level === "warn"));
      expect(JSON.stringify(line)).not.toContain("hunter2");
      expect(JSON.stringify(line)).toMatch(/407|502|proxy/i);
    },
  );

  test("that is not there is a failed attempt", async () => {
    await using proxy = await startProxy("502 Bad Gateway");
    const { port } = proxy;
    await proxy[Symbol.asyncDispose]();
    await using rig = new LinkRig(overTls(1, "ca.pem", `http://127.0.0.1:${port}`));
    expect((await rig.untilSaid(UNREACHABLE)).level).toBe("warn");
  });
});
