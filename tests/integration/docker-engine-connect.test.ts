import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename } from "node:path";
import { never } from "../../src/async/wait.ts";
import { chooseEndpoint } from "../../src/backends/docker/engine/endpoint-choice.ts";
import { Engine } from "../../src/backends/docker/engine/engine.ts";
import { EngineGone, EngineUnreachable } from "../../src/backends/docker/engine/errors.ts";
import { FakeEngine, type FakeEngineOptions, inspected, json } from "../support/fake-engine.ts";
import { TempDir } from "../support/temp-dir.ts";
import { TestPki } from "../support/test-pki.ts";
import { within } from "../support/wait.ts";

type Environment = Record<string, string>;

const connect = (environment: Environment, signal = never()) =>
  within(
    Engine.connect(chooseEndpoint({ HOME: "/nonexistent", ...environment }), environment, signal),
    "an end",
  );

/** What the operator is told. */
async function wordsOf(environment: Environment): Promise<string> {
  try {
    await using engine = await connect(environment);
    return `connected, API ${engine.api}`;
  } catch (error) {
    expect(error).toBeInstanceOf(EngineUnreachable);
    return error instanceof Error ? error.message : "";
  }
}

/** Something that listens and is no engine: it says this to whoever connects. */
async function stranger(path: string, greet: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    greet(socket);
  });
  server.listen(path);
  await once(server, "listening");
  return server;
}

describe("at start, what is no engine is told by its endpoint, the reason for it, and what to do", () => {
  let dir: TempDir;
  beforeAll(async () => {
    dir = await TempDir.create("sock");
  });
  afterAll(() => dir[Symbol.asyncDispose]());
  const at = (name: string) => ({ DOCKER_HOST: `unix://${dir.join(name)}` });

  test("no socket", async () => {
    expect(await wordsOf(at("none.sock"))).toBe(
      `Cannot use the container engine at unix://${dir.join("none.sock")} (DOCKER_HOST): there is no such socket; start the engine (systemctl start docker), mount its socket when the worker runs in a container, or set DOCKER_HOST to where it is`,
    );
  });

  test("a file or a folder in its place", async () => {
    await dir.write("file.sock", "");
    expect(await wordsOf(at("file.sock"))).toContain(`${dir.join("file.sock")} is not a socket`);
    await dir.mkdir("folder.sock");
    expect(await wordsOf(at("folder.sock"))).toContain(`${dir.join("folder.sock")} is not a socket`);
  });

  test("a socket that nobody listens on", async () => {
    // A server that is killed leaves its socket; a clean close takes it away.
    const script = `Bun.listen({unix: process.argv[1], socket: {data() {}}}); process.kill(process.pid, 9)`;
    await Bun.spawn([process.execPath, "-e", script, dir.join("left.sock")], { env: {} }).exited;
    expect(await wordsOf(at("left.sock"))).toContain("nothing listens on the socket any more");
  });

  test("a service that does not speak HTTP", async () => {
    const server = await stranger(dir.join("ssh.sock"), (socket) => socket.write("SSH-2.0-OpenSSH_9\r\n"));
    expect(await wordsOf(at("ssh.sock"))).toContain('what answers there is not HTTP: "SSH-2.0-OpenSSH_9');
    server.close();
  });

  test("a service that hangs up", async () => {
    const server = await stranger(dir.join("shy.sock"), (socket) => socket.end());
    expect(await wordsOf(at("shy.sock"))).toContain(
      "closed before there was an answer; check that an engine",
    );
    server.close();
  });

  test("a stop of the worker ends the attempt at a service that says nothing", async () => {
    const stop = new AbortController();
    const reason = new Error("stopping");
    const server = await stranger(dir.join("mute.sock"), () => stop.abort(reason));
    expect(await connect(at("mute.sock"), stop.signal).catch((error: unknown) => error)).toBe(reason);
    server.close();
  });

  test("a proxy that answers with a page", async () => {
    await using fake = await FakeEngine.start({ listen: "tcp" });
    fake.on("GET", "/_ping", (response) => response.writeHead(503).end("<html><h1>Down</h1> for now</html>"));
    expect(await wordsOf({ DOCKER_HOST: fake.host })).toBe(
      `Cannot use the container engine at ${fake.host} (DOCKER_HOST): it answered with status 503 and something that is not the Docker API (is a proxy in between?): "Down for now"; let DOCKER_HOST name the engine itself`,
    );
    fake.on("GET", "/_ping", (response) => response.writeHead(200).end("<html>Welcome</html>"));
    expect(await wordsOf({ DOCKER_HOST: fake.host })).toContain(
      "status 200 and something that is not the Docker API",
    );
  });

  test("a port that nobody listens on", async () => {
    await using fake = await FakeEngine.start({ listen: "tcp" });
    await fake.stop();
    expect(await wordsOf({ DOCKER_HOST: fake.host })).toMatch(
      /\(ECONNREFUSED\); check that the engine listens/,
    );
    await fake.startAgain();
  });

  test("an engine that is too old", async () => {
    await using fake = await FakeEngine.start({ api: "1.24" });
    expect(await wordsOf({ DOCKER_HOST: fake.host })).toContain("speaks API 1.24 at most");
  });

  // A user who is none of the socket's; only root can become that user.
  test.skipIf(process.getuid?.() !== 0)("no permission: the group that has it", async () => {
    await using fake = await FakeEngine.start();
    const script = `
      const [engine, choice, host] = process.argv.slice(1);
      const { Engine } = await import(engine), { chooseEndpoint } = await import(choice);
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const signal = new AbortController().signal;
      await Engine.connect(chooseEndpoint({ DOCKER_HOST: host }), {}, signal).catch((e) => console.log(e.message));`;
    const chmod = async (path: string, mode: string) => Bun.spawn(["chmod", mode, path]).exited;
    await chmod(fake.socket.replace(/\/[^/]*$/, ""), "755");
    const source = new URL("../../src/backends/docker/engine/", import.meta.url).pathname;
    const run = async () => {
      const argv = [
        process.execPath,
        "-e",
        script,
        `${source}engine.ts`,
        `${source}endpoint-choice.ts`,
        fake.host,
      ];
      return new Response(Bun.spawn(argv, { env: {}, stderr: "inherit" }).stdout).text();
    };
    await chmod(fake.socket, "660");
    expect(await run()).toMatch(
      /the socket belongs to the group root; make the group docker .*sudo usermod -aG docker nobody,/,
    );
    await chmod(fake.socket, "600");
    expect(await run()).toContain("and neither has the socket's group root");
  });
});

describe("an engine tells", () => {
  const version = (fake: FakeEngine, about: object) =>
    fake.on("GET", "/version", (response) => json(response, about));

  test("its API in its version only, where its greeting leaves that out", async () => {
    await using fake = await FakeEngine.start();
    fake.on("GET", "/_ping", (response) => response.end("OK"));
    version(fake, { ApiVersion: "1.40", Arch: "amd64" });
    await using engine = await connect({ DOCKER_HOST: fake.host });
    expect([engine.api, engine.platform.os]).toEqual(["1.40", "linux"]);
  });

  test("is asked for its platform in another way where a proxy lets nobody see its version", async () => {
    await using fake = await FakeEngine.start({ api: "1.43" });
    fake.on("GET", "/version", (response) => json(response, { message: "Forbidden" }, 403));
    fake.on("GET", "/info", (response) => json(response, { message: "Forbidden" }, 403));
    {
      await using sparing = await connect({ DOCKER_HOST: fake.host });
      expect([sparing.api, sparing.platform.architecture]).toEqual(["1.43", ""]);
    }
    fake.on("GET", "/info", (response) => json(response, { message: "in trouble" }, 500));
    expect(await wordsOf({ DOCKER_HOST: fake.host })).toContain("Cannot use the container engine");
    fake.on("GET", "/info", (response) =>
      json(response, { OSType: "linux", Architecture: "aarch64", ServerVersion: "24.0" }),
    );
    await using engine = await connect({ DOCKER_HOST: fake.host });
    expect(engine.platform).toEqual({ os: "linux", architecture: "arm64" });
    expect([engine.api, engine.version]).toEqual(["1.43", "24.0"]);
  });

  test.each([
    ["x86_64", "amd64"],
    ["aarch64", "arm64"],
    ["riscv64", "riscv64"],
    ["AMD64", "amd64"],
  ])("its processor as its kernel calls it, %s", async (said, meant) => {
    await using fake = await FakeEngine.start();
    version(fake, { Arch: said, Os: "Linux" });
    await using engine = await connect({ DOCKER_HOST: fake.host });
    expect(engine.platform).toEqual({ os: "linux", architecture: meant });
  });
});

describe("by TCP", () => {
  let pki: TestPki;

  /** What DOCKER_CERT_PATH names. */
  async function certificates(ca: string, client: string | null): Promise<string> {
    const path = await pki.dir.mkdir(`certs-${ca}-${client}`);
    const lay = (name: string, text: string) => pki.dir.write(`${basename(path)}/${name}`, text);
    await lay("ca.pem", pki.pem(`${ca}.pem`));
    if (client === null) return path;
    await lay("cert.pem", pki.pem(`${client}.pem`));
    await lay("key.pem", pki.pem(`${client}.key`));
    return path;
  }

  beforeAll(async () => {
    pki = await TestPki.create();
    await pki.authority("other");
    await pki.certificate("elsewhere", "ca", "DNS:elsewhere.test");
  });
  afterAll(() => pki[Symbol.asyncDispose]());

  const startTls = (server: string, more: FakeEngineOptions = {}) =>
    FakeEngine.start({ listen: "tcp", tls: pki.pair(server), ...more });
  const tlsTo = (fake: FakeEngine, path: string) => ({
    DOCKER_HOST: fake.host,
    DOCKER_TLS_VERIFY: "1",
    DOCKER_CERT_PATH: path,
  });

  test("an engine is spoken to without TLS where none is asked for", async () => {
    await using fake = await FakeEngine.start({ listen: "tcp" });
    expect(await wordsOf({ DOCKER_HOST: fake.host })).toBe("connected, API 1.47");
    expect(fake.requests[0]?.headers.host).toBe(`127.0.0.1:${fake.port}`);
  });

  test("the engine's certificate and ours are both shown and checked", async () => {
    await using fake = await startTls("server");
    fake.on("GET", "/containers/c/json", (response) =>
      inspected(response, {}, { Id: "x".repeat(1_000_000) }),
    );
    await using engine = await connect(tlsTo(fake, await certificates("ca", "client")));
    expect((await engine.containers.inspect("c", never())).id.length).toBe(1_000_000);
  });

  const refused: readonly (readonly [string, string, string, string | null, RegExp])[] = [
    [
      "of another authority",
      "server",
      "other",
      "client",
      /self.signed certificate|unable to verify|unable to get/i,
    ],
    ["of another host", "elsewhere", "ca", "client", /127\.0\.0\.1 is not in the cert's list/],
    ["that wants ours, without one", "server", "ca", null, /CERTIFICATE_REQUIRED|closed|reset/i],
  ];
  for (const [name, server, ca, client, words] of refused) {
    test(`an engine ${name}, is not spoken to`, async () => {
      await using fake = await startTls(server);
      const text = await wordsOf(tlsTo(fake, await certificates(ca, client)));
      expect(text).toMatch(words);
      expect(text).toMatch(/check that the engine listens there, and its certificates/);
      expect(fake.requests).toEqual([]);
    });
  }

  // A worker that outlived its certificates could not reach the engine any more, although new ones lay there: it
  // waited without end for the containers of its tasks, and failed all others.
  test("certificates that are renewed on disk hold from the next call on", async () => {
    await using fake = await startTls("server");
    const path = await certificates("other", "client");
    await pki.dir.write(`${basename(path)}/ca.pem`, pki.pem("ca.pem"));
    await using engine = await connect(tlsTo(fake, path));
    const look = () => engine.containers.find("c", never());
    expect(await look()).toBeNull();
    await certificates("other", "client");
    await expect(look()).rejects.toThrow(/self.signed certificate|unable to verify|unable to get/i);
    await pki.dir.write(`${basename(path)}/ca.pem`, "half writ");
    await expect(look()).rejects.toThrow(EngineGone);
    await pki.dir.write(`${basename(path)}/ca.pem`, pki.pem("ca.pem"));
    expect(await look()).toBeNull();
  });

  test("one side with TLS and the other without is told for what it is", async () => {
    await using plain = await FakeEngine.start({ listen: "tcp" });
    expect(await wordsOf(tlsTo(plain, await certificates("ca", "client")))).toMatch(
      /WRONG_VERSION_NUMBER|closed/,
    );
    // The words of the engine's own server.
    plain.on("GET", "/_ping", (response) => {
      response.writeHead(400).end("Client sent an HTTP request to an HTTPS server.\n");
    });
    const words = await wordsOf({ DOCKER_HOST: plain.host });
    expect(words).toContain(
      '"Client sent an HTTP request to an HTTPS server."; if the engine wants TLS, set DOCKER_TLS',
    );
  });
});

describe("by ssh", () => {
  /** Connects its standard streams to the engine's socket, as `docker system dial-stdio` there does. */
  const FAKE_SSH = `#!/bin/sh
printf '%s\\n' "$*" >> "$OZ_SSH_LOG"
case "$*" in *refused.test*) echo "me@refused.test: Permission denied (publickey)." >&2; exit 255 ;; esac
[ -z "$WARP_API_KEY" ] || exit 9
exec "$OZ_BUN" -e '
  const net = require("node:net"), fs = require("node:fs");
  const socket = net.connect(process.env.OZ_ENGINE);
  process.stdin.pipe(socket); socket.pipe(process.stdout);
  fs.appendFileSync(process.env.OZ_SSH_LOG, "pid " + process.pid + "\\n");
  socket.on("close", () => process.stdin.destroy());'
`;

  async function site(fake: FakeEngine, dir: TempDir): Promise<Environment> {
    await mkdir(dir.join("bin"));
    await dir.write("bin/ssh", FAKE_SSH, 0o755);
    return {
      PATH: `${dir.join("bin")}:/usr/bin:/bin`,
      DOCKER_HOST: "ssh://me@box.test:2200",
      OZ_SSH_LOG: dir.join("log"),
      OZ_ENGINE: fake.socket,
      OZ_BUN: process.execPath,
      WARP_API_KEY: "hunter2",
    };
  }

  test("each call goes through docker's dial-stdio on that host, and leaves nothing running", async () => {
    await using fake = await FakeEngine.start();
    await using dir = await TempDir.create("ssh");
    const environment = await site(fake, dir);
    fake.on("GET", "/containers/from/export", (response) => response.end(Buffer.alloc(2_000_000, "tar")));
    fake.on("PUT", "/containers/to/archive", (response) => response.end());
    fake.on("GET", "/containers/c/json", () => undefined);
    const engine = await connect(environment);
    const source = await engine.containers.readRoot("from", never());
    await within(engine.containers.putArchive("to", "/t", source, never()), "the archive");
    expect(fake.requests.find(({ method }) => method === "PUT")?.body.length).toBe(2_000_000);
    const call = engine.containers.inspect("c", never()).catch(() => null);
    await fake.seen("GET", "/containers/c/json");
    await engine[Symbol.asyncDispose]();
    expect(await within(call, "the call to end")).toBeNull();
    await within(fake.idle(), "the connections to close");
    const log = readFileSync(dir.join("log"), "utf8");
    expect(log).toStartWith(
      "-T -o BatchMode=yes -o ConnectTimeout=10 -l me -p 2200 -- box.test docker system dial-stdio\n",
    );
  });

  test("ssh's own words are told when it cannot get there", async () => {
    await using fake = await FakeEngine.start();
    await using dir = await TempDir.create("ssh");
    const environment = { ...(await site(fake, dir)), DOCKER_HOST: "ssh://me@refused.test" };
    expect(await wordsOf(environment)).toBe(
      'Cannot use the container engine at ssh://me@refused.test (DOCKER_HOST): ssh ended with status 255: me@refused.test: Permission denied (publickey); try the command "ssh -l me refused.test docker version" as this user',
    );
  });

  test("a host without ssh is told", async () => {
    expect(await wordsOf({ DOCKER_HOST: "ssh://box.test", PATH: "/nonexistent" })).toMatch(
      /ssh.*(?:ENOENT|not found)/,
    );
  });
});
