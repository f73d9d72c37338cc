import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chooseEndpoint, type Host } from "../../../../../src/backends/docker/engine/endpoint-choice.ts";
import { EndpointError } from "../../../../../src/backends/docker/engine/errors.ts";
import { TempDir } from "../../../../support/temp-dir.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

const hostWith = (...sockets: string[]): Host => ({
  platform: "linux",
  exists: (path) => sockets.includes(path),
});
const NO_HOME = { HOME: "/nonexistent" };
const choose = (environment: Record<string, string>, host = hostWith("/var/run/docker.sock")) =>
  chooseEndpoint({ ...NO_HOME, ...environment }, host);

describe("DOCKER_HOST", () => {
  const good: readonly (readonly [string, object])[] = [
    ["unix:///run/user/1000/docker.sock", { kind: "unix", path: "/run/user/1000/docker.sock" }],
    ["unix:///a b/c%20.sock", { kind: "unix", path: "/a b/c%20.sock" }],
    ["unix://", { kind: "unix", path: "/var/run/docker.sock" }],
    [" tcp://dind:2375 ", { kind: "tcp", host: "dind", port: 2375, tls: null }],
    ["tcp://dind", { kind: "tcp", host: "dind", port: 2375, tls: null }],
    ["tcp://[::1]:80/", { kind: "tcp", host: "::1", port: 80, tls: null }],
    ["10.0.0.1:4243", { kind: "tcp", host: "10.0.0.1", port: 4243, tls: null }],
    ["tcp://:2375", { kind: "tcp", host: "localhost", port: 2375, tls: null }],
    ["http://dind", { kind: "tcp", host: "dind", port: 80, tls: null }],
    [
      "https://dind",
      { kind: "tcp", host: "dind", port: 443, tls: { ca: null, cert: null, key: null, verify: true } },
    ],
    ["ssh://me@box:2222", { kind: "ssh", target: "ssh://me@box:2222" }],
  ];
  for (const [address, endpoint] of good) {
    test(`${address} is taken`, () => {
      expect(choose({ DOCKER_HOST: address })).toMatchObject({
        endpoint,
        label: address.trim() === "unix://" ? "unix:///var/run/docker.sock" : address.trim(),
        why: "DOCKER_HOST",
      });
    });
  }

  const bad: readonly (readonly [string, RegExp])[] = [
    ["/var/run/docker.sock", /as a URL.*unix:\/\/\/var/],
    ["unix://docker.sock", /full path/],
    ["npipe:////./pipe/docker_engine", /Windows/],
    ["fd://", /"fd" is no way to reach an engine/],
    ["tcp://host:port", /HOST:PORT/],
    ["tcp://host:2375/prefix", /path is not supported/],
    ["ssh://-oProxyCommand=x/", /ssh:\/\/USER@HOST/],
    ["ssh://me:secret@box", /"ssh:\/\/me:…@box" .*no password/],
    // These were shown, whole or in part.
    ["me:secret@box:2375", /"me:…@box:2375" .*no user name or password/],
    ["tcp://me:sec/secret@box:2375", /"tcp:\/\/me:…@box:2375"/],
    ["tcp://me:se@secret@box:2375", /"tcp:\/\/me:…@box:2375"/],
  ];
  for (const [address, words] of bad) {
    test(`${address} is refused with words for the operator`, () => {
      expect(() => choose({ DOCKER_HOST: address })).toThrow(EndpointError);
      expect(() => choose({ DOCKER_HOST: address })).toThrow(words);
      expect(() => choose({ DOCKER_HOST: address })).not.toThrow("secret");
    });
  }

  test("a named pipe is refused on Windows, too, with the way out", () => {
    const windows: Host = { platform: "win32", exists: () => false };
    const choosing = () => choose({ DOCKER_HOST: "npipe:////./pipe/docker_engine" }, windows);
    expect(choosing).toThrow(/named pipes \(npipe\) are not supported; let the engine listen on tcp/);
    // Where nobody says anything, Docker for Windows is on one as well.
    expect(() => choose({}, windows)).toThrow(/on Windows it listens on a named pipe.*DOCKER_HOST=tcp/);
    expect(choose({ DOCKER_HOST: "tcp://localhost:2375" }, windows).label).toBe("tcp://localhost:2375");
  });

  test("wins over a context", () => {
    const chosen = choose({ DOCKER_HOST: "tcp://a:1", DOCKER_CONTEXT: "other" });
    expect(chosen.label).toBe("tcp://a:1");
  });
});

describe("DOCKER_TLS_VERIFY", () => {
  test("adds the certificates of DOCKER_CERT_PATH and the port of TLS", async () => {
    await using dir = await TempDir.create();
    for (const name of ["ca", "cert", "key"]) await dir.write(`${name}.pem`, `${PEM}${name}`);
    const tcp = { DOCKER_HOST: "tcp://h", DOCKER_CERT_PATH: dir.path };
    const tls = { ca: `${PEM}ca`, cert: `${PEM}cert`, key: `${PEM}key`, verify: true };
    expect(choose({ ...tcp, DOCKER_TLS_VERIFY: "1" }).endpoint).toEqual({
      kind: "tcp",
      host: "h",
      port: 2376,
      tls,
    });
    expect(choose(tcp).endpoint).toMatchObject({ port: 2375, tls: null });
    expect(choose({ ...tcp, DOCKER_TLS_VERIFY: "1", DOCKER_HOST: "unix:///x" }).endpoint.kind).toBe("unix");
  });

  test("without its files, with half of them, or with something else in them is refused", async () => {
    await using dir = await TempDir.create();
    const connect = () =>
      choose({ DOCKER_HOST: "tcp://h", DOCKER_CERT_PATH: dir.path, DOCKER_TLS_VERIFY: "1" });
    expect(connect).toThrow(`there is no ${dir.join("ca.pem")}`);
    await dir.write("ca.pem", "not a certificate");
    expect(connect).toThrow("it is not in PEM form; put the certificate or the key there as PEM text");
    await dir.write("ca.pem", PEM);
    await dir.write("cert.pem", PEM);
    expect(connect).toThrow("has cert.pem and no key.pem");
  });

  test("looks into Docker's configuration folder when no other is named", async () => {
    await using dir = await TempDir.create();
    const environment = { DOCKER_HOST: "tcp://h", DOCKER_TLS_VERIFY: "1", DOCKER_CONFIG: dir.path };
    expect(() => choose(environment)).toThrow(dir.join("ca.pem"));
  });
});

describe("docker contexts", () => {
  const folderOf = (name: string) => createHash("sha256").update(name).digest("hex");

  async function configDir(contexts: Record<string, object>, current?: string): Promise<TempDir> {
    const dir = await TempDir.create();
    for (const [name, docker] of Object.entries(contexts)) {
      const meta = { Name: name, Metadata: {}, Endpoints: { docker } };
      await dir.write(`contexts/meta/${folderOf(name)}/meta.json`, JSON.stringify(meta));
    }
    if (current !== undefined)
      await dir.write("config.json", JSON.stringify({ currentContext: current, auths: {} }));
    return dir;
  }

  test("the one of DOCKER_CONTEXT wins over the current one", async () => {
    await using dir = await configDir({ one: { Host: "tcp://one:1" }, two: { Host: "tcp://two:2" } }, "one");
    expect(choose({ DOCKER_CONFIG: dir.path })).toMatchObject({
      label: "tcp://one:1",
      why: `docker context "one" of ${dir.join("config.json")}`,
    });
    expect(choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "two" })).toMatchObject({
      label: "tcp://two:2",
      why: 'docker context "two" of DOCKER_CONTEXT',
    });
  });

  test("the folder below HOME is the default one", async () => {
    await using home = await TempDir.create();
    await home.write(".docker/config.json", '{"currentContext":"x"}');
    const meta = JSON.stringify({ Name: "x", Endpoints: { docker: { Host: "unix:///x.sock" } } });
    await home.write(`.docker/contexts/meta/${folderOf("x")}/meta.json`, meta);
    expect(choose({ HOME: home.path }).label).toBe("unix:///x.sock");
  });

  test("bring their own certificates, and say when the server's is not to be checked", async () => {
    await using dir = await configDir({
      far: { Host: "tcp://far", SkipTLSVerify: true },
      near: { Host: "tcp://n" },
    });
    await dir.write(`contexts/tls/${folderOf("far")}/docker/ca.pem`, PEM);
    const far = choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "far", DOCKER_TLS_VERIFY: "1" });
    expect(far.endpoint).toEqual({
      kind: "tcp",
      host: "far",
      port: 2376,
      tls: { ca: PEM, cert: null, key: null, verify: false },
    });
    const near = choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "near" });
    expect(near.endpoint).toMatchObject({ port: 2375, tls: null });
  });

  test('"default" is the default socket', async () => {
    await using dir = await configDir({}, "default");
    expect(choose({ DOCKER_CONFIG: dir.path }).why).toBe("the default");
    expect(choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "default" }).why).toBe("the default");
  });

  test("one that is not there is refused with those that are", async () => {
    await using dir = await configDir({ beta: { Host: "tcp://b" }, alpha: { Host: "tcp://a" } });
    const missing = () => choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "alhpa" });
    expect(missing).toThrow(EndpointError);
    expect(missing).toThrow(/docker context "alhpa" of DOCKER_CONTEXT.* has alpha, beta;.*DOCKER_HOST/);
    const none = () => choose({ DOCKER_CONFIG: "/nonexistent", DOCKER_CONTEXT: "x" });
    expect(none).toThrow("there is none in /nonexistent/contexts/meta");
  });

  // The worker refused to start with what `docker` takes without a word.
  test("an empty config.json chooses none, and an empty context is no context", async () => {
    await using dir = await configDir({ x: {} });
    await dir.write("config.json", "\n");
    expect(choose({ DOCKER_CONFIG: dir.path }).why).toBe("the default");
    await dir.write(`contexts/meta/${folderOf("x")}/meta.json`, "");
    const use = () => choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "x" });
    expect(use).toThrow(/names no docker endpoint.*docker context create/);
  });

  test("broken files are refused by their path, and never quoted", async () => {
    await using dir = await configDir({ x: {} });
    const use = () => choose({ DOCKER_CONFIG: dir.path, DOCKER_CONTEXT: "x" });
    const path = `contexts/meta/${folderOf("x")}/meta.json`;
    expect(use).toThrow(/names no docker endpoint.*docker context create/);
    await dir.write(path, "{ half");
    expect(use).toThrow(`${dir.join(path)}: it is not valid JSON`);
    await dir.write("config.json", "hunter2 {");
    const current = () => choose({ DOCKER_CONFIG: dir.path });
    expect(current).toThrow(`${dir.join("config.json")}: it is not valid JSON`);
    expect(current).not.toThrow("hunter2");
  });
});

describe("without any word of the operator", () => {
  const runtime = { XDG_RUNTIME_DIR: "/run/user/7" };
  const sockets = [
    "/var/run/docker.sock",
    "/run/user/7/docker.sock",
    "/run/user/7/podman/podman.sock",
    "/run/podman/podman.sock",
  ];

  test("the first socket that exists is taken, the default one before rootless and podman", () => {
    for (const [at, socket] of sockets.entries()) {
      expect(choose(runtime, hostWith(...sockets.slice(at))).label).toBe(`unix://${socket}`);
    }
  });

  test("the reason tells of another one than the default", () => {
    expect(choose(runtime, hostWith("/run/user/7/docker.sock")).why).toBe(
      "the socket of rootless Docker, as there is no /var/run/docker.sock",
    );
  });

  test("the default one is taken where there is none, for the error to name", () => {
    expect(choose({}, hostWith()).label).toBe("unix:///var/run/docker.sock");
  });
});
