/** How the worker gets to a cluster and proves who it is, over real TLS. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { never } from "../../src/async/wait.ts";
import { Credentials } from "../../src/backends/kubernetes/access/credentials.ts";
import { findAccess } from "../../src/backends/kubernetes/access/find-access.ts";
import { Transport } from "../../src/backends/kubernetes/client/transport.ts";
import { createTypedApi } from "../../src/backends/kubernetes/client/typed-api.ts";
import { Cluster } from "../../src/backends/kubernetes/cluster.ts";
import { identify } from "../../src/process/process-table.ts";
import { ConnectProxy } from "../support/connect-proxy.ts";
import type { ApiCall } from "../support/fake-api-server.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { KubernetesRig, passTime, passTimeFor } from "../support/kubernetes-rig.ts";
import { eventually } from "../support/wait.ts";

let fake: FakeCluster;

beforeAll(async () => {
  fake = await FakeCluster.start();
  await fake.pki.authority("other-ca");
});

afterAll(() => fake[Symbol.asyncDispose]());

beforeEach(() => {
  fake.api.fault = () => null;
});

afterEach(() => jest.useRealTimers());

function clusterOf(kubeconfig: string, environment: Readonly<Record<string, string>> = {}): Cluster {
  const access = findAccess({ kubeconfig, environment });
  const transport = new Transport(new Credentials(access, { PATH: "/usr/bin:/bin", ...environment }));
  const { server } = transport;
  return new Cluster({ api: createTypedApi(transport), namespace: "agents", server, origin: access.origin });
}

const version = (cluster: Cluster) => cluster.serverVersion(never());
const lastAuthorization = () => fake.api.calls.at(-1)?.headers["authorization"];
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Refuses all but this token, as a server whose tokens are rotated. */
function accept(token: string): void {
  fake.api.fault = ({ headers }: ApiCall) =>
    headers["authorization"] === `Bearer ${token}` ? null : { status: 401, message: "Unauthorized" };
}

test("an address with a password and a query is told without them", async () => {
  const server = "https://me:s3cret@127.0.0.1:9/base?token=t0ken";
  const cluster = clusterOf(await fake.kubeconfig({}, { server }, "secretive"));
  expect(cluster.server).toBe("https://127.0.0.1:9/base");
  await expect(version(cluster)).rejects.toThrow(
    "no answer from https://127.0.0.1:9/base: the connection was refused, or no way leads there",
  );
});

describe("the API server is reached", () => {
  test("with a client certificate, by a server whose certificate the kubeconfig's authority signed", async () => {
    expect((await version(clusterOf(await fake.kubeconfig()))).gitVersion).toBe("v1.35.0");
    expect(fake.api.certified.at(-1)).toBe(true);
  });

  test("with certificate files beside the kubeconfig", async () => {
    const files = { "client-certificate": "client.pem", "client-key": "client.key" };
    const ca = { "certificate-authority-data": undefined, "certificate-authority": "ca.pem" };
    await version(clusterOf(await fake.kubeconfig(files, ca, "files")));
    expect(fake.api.certified.at(-1)).toBe(true);
  });

  test("with a token, or a name and a password, or as somebody else", async () => {
    await version(clusterOf(await fake.kubeconfig({ token: "abc" }, {}, "token")));
    expect(lastAuthorization()).toBe("Bearer abc");
    expect(fake.api.certified.at(-1)).toBe(false);
    await version(clusterOf(await fake.kubeconfig({ username: "me", password: "pw" }, {}, "basic")));
    expect(lastAuthorization()).toBe(`Basic ${base64("me:pw")}`);
    const someone = { token: "abc", as: "ann", "as-groups": ["a"] };
    await version(clusterOf(await fake.kubeconfig(someone, {}, "as")));
    const { headers } = fake.api.calls.at(-1) ?? {};
    expect([headers?.["impersonate-user"], headers?.["impersonate-group"]]).toEqual(["ann", "a"]);
  });

  test("with a token file that is rotated under the worker", async () => {
    const tokenFile = await fake.pki.dir.write("token", "first\n");
    const cluster = clusterOf(await fake.kubeconfig({ tokenFile }, {}, "token-file"));
    accept("first");
    await version(cluster);
    accept("second");
    await fake.pki.dir.write("token", "second\n");
    await version(cluster);
    expect(lastAuthorization()).toBe("Bearer second");
  });

  test("by another name than that of its certificate, when tls-server-name says so", async () => {
    const server = fake.api.url.replace("localhost", "127.0.0.1");
    await version(clusterOf(await fake.kubeconfig({}, { server, "tls-server-name": "kube.test" }, "sni")));
    await expect(version(clusterOf(await fake.kubeconfig({}, { server }, "no-sni")))).rejects.toThrow(
      "its certificate is for another host name",
    );
  });

  test.each([
    ["certificate-authority-data", "cluster", "cannot be read as PEM"],
    ["client-certificate-data", "user", "cannot be read as PEM"],
    ["client-key-data", "user", "cannot be read as PEM"],
  ] as const)(
    "not with a %s that is none, which is named: it was called a typo in the address",
    async (name, of, words) => {
      const { cert, key } = fake.pki.client;
      const good = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
      const bad = { [name]: base64("none") };
      const file = await fake.kubeconfig(
        of === "user" ? { ...good, ...bad } : good,
        of === "cluster" ? bad : {},
        name,
      );
      await expect(version(clusterOf(file))).rejects.toThrow(
        `${name.replace("-data", "")} of the kubeconfig ${words}`,
      );
    },
  );

  test("not with a key that is another certificate's, which is said", async () => {
    const { cert } = fake.pki.client;
    const { key } = fake.pki.server;
    const user = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
    await expect(version(clusterOf(await fake.kubeconfig(user, {}, "mixed")))).rejects.toThrow(
      "client-key of the kubeconfig is not that of its client-certificate",
    );
  });

  test("through the proxy of proxy-url", async () => {
    await using proxy = await ConnectProxy.start();
    await version(clusterOf(await fake.kubeconfig({}, { "proxy-url": proxy.url }, "proxied")));
    expect(proxy.tunnels.map(({ request }) => request)).toEqual([
      `CONNECT localhost:${fake.api.port} HTTP/1.1`,
    ]);
  });

  // Every cluster tells its pods of itself like this: no worker started there, for "fetch() URL is invalid".
  test("at the port that https has anyway, although that is named", async () => {
    await using proxy = await ConnectProxy.start(fake.api.port);
    const at = { server: "https://localhost:443", "proxy-url": proxy.url };
    const cluster = clusterOf(await fake.kubeconfig({}, at, "default-port"));
    expect((await version(cluster)).gitVersion).toBe("v1.35.0");
    expect(await cluster.getJob("none", never())).toBeNull();
    expect(proxy.tunnels[0]?.request).toBe("CONNECT localhost:443 HTTP/1.1");
  });

  test("unchecked only when the kubeconfig says insecure-skip-tls-verify", async () => {
    const ca = { "certificate-authority-data": base64(fake.pki.pem("other-ca.pem")) };
    await expect(version(clusterOf(await fake.kubeconfig({}, ca, "other")))).rejects.toThrow(
      "is not signed by",
    );
    const none = { "certificate-authority-data": undefined };
    await expect(version(clusterOf(await fake.kubeconfig({}, none, "no-ca")))).rejects.toThrow(
      "is not signed by",
    );
    const unchecked = { ...none, "insecure-skip-tls-verify": true };
    await version(clusterOf(await fake.kubeconfig({}, unchecked, "unchecked")));
  });

  test("as the pod's own service account", async () => {
    await fake.pki.dir.write("account/token", "of-the-pod");
    await fake.pki.dir.write("account/ca.crt", fake.pki.client.ca);
    const access = findAccess({
      kubeconfig: null,
      environment: {
        KUBERNETES_SERVICE_HOST: "localhost",
        KUBERNETES_SERVICE_PORT: String(fake.api.port),
        KUBECONFIG: "/not/asked",
      },
      serviceAccountDir: fake.pki.dir.join("account"),
    });
    const transport = new Transport(new Credentials(access, {}));
    await transport.call({ method: "GET", path: "/version", signal: never() });
    expect(lastAuthorization()).toBe("Bearer of-the-pod");
  });
});

describe("a credential plugin", () => {
  const plugin = async (script: string, more: object = {}) => {
    const command = await fake.pki.dir.write("plugin", `#!/bin/sh\n${script}\n`, 0o755);
    const apiVersion = "client.authentication.k8s.io/v1";
    return clusterOf(await fake.kubeconfig({ exec: { apiVersion, command, ...more } }, {}, "exec"), {
      WARM: "yes",
    });
  };
  const credential = (status: object) =>
    `echo '${JSON.stringify({ kind: "ExecCredential", status })}'`.replace("@", "'$n'");

  test("is run once for many requests, and again when what it gave is refused or has expired", async () => {
    const count = fake.pki.dir.join("count");
    await rm(count, { force: true });
    const counted = `echo x >> ${count}; n=$(wc -l < ${count} | tr -d ' ')`;
    const cluster = await plugin(`${counted}; ${credential({ token: "t@" })}`);
    await Promise.all([version(cluster), version(cluster), version(cluster)]);
    expect(lastAuthorization()).toBe("Bearer t1");
    accept("t2");
    await version(cluster);
    expect(lastAuthorization()).toBe("Bearer t2");
    fake.api.fault = () => null;
    await rm(count, { force: true });
    const expired = { token: "t@", expirationTimestamp: new Date().toISOString() };
    const short = await plugin(`${counted}; ${credential(expired)}`);
    await version(short);
    await version(short);
    expect(lastAuthorization()).toBe("Bearer t2");
  });

  test("may give a certificate, and is told of the cluster when it asks", async () => {
    const { cert, key } = fake.pki.client;
    const answer = { kind: "ExecCredential", status: { clientCertificateData: cert, clientKeyData: key } };
    await fake.pki.dir.write("credential.json", JSON.stringify(answer));
    const told = fake.pki.dir.join("told.json");
    const script = `printf %s "$KUBERNETES_EXEC_INFO" > ${told}; cat ${fake.pki.dir.join("credential.json")}`;
    await version(await plugin(script, { provideClusterInfo: true }));
    expect(fake.api.certified.at(-1)).toBe(true);
    expect(await Bun.file(told).json()).toMatchObject({
      apiVersion: "client.authentication.k8s.io/v1",
      spec: { interactive: false, cluster: { server: fake.api.url } },
    });
  });

  test("that fails is quoted by its standard error, never by its output", async () => {
    const cluster = await plugin("echo token-in-part; echo log in first >&2; exit 3", {
      installHint: "install it from here",
    });
    const error = await version(cluster).catch((thrown: Error) => thrown.message);
    expect(error).toMatch(/credential plugin ".*plugin".*failed: log in first; install it from here/);
    expect(error).not.toContain("token-in-part");
  });

  // Once: nothing was asked of the cluster any more, nothing was said of that, and the worker could not be stopped.
  test("that hangs is named by those who wait, and ended with all that it started, though it ignores SIGTERM", async () => {
    const sleeper = fake.pki.dir.join("sleeper");
    const cluster = await plugin(`trap '' TERM; sleep 600 & echo $! > ${sleeper}; wait`);
    jest.useFakeTimers();
    const stop = new AbortController();
    const stopped = cluster.serverVersion(stop.signal);
    stop.abort(new Error("no more time"));
    await expect(stopped).rejects.toThrow("no more time");
    const first = version(cluster);
    first.catch(() => {});
    await passTime(fake, () => existsSync(sleeper) && readFileSync(sleeper, "utf8").trim(), { stepMs: 1 });
    await expect(passTimeFor(fake, first)).rejects.toThrow(
      /plugin ".*plugin" of the kubeconfig has not ended yet/,
    );
    jest.advanceTimersByTime(10_000);
    const last = version(cluster);
    last.catch(() => {});
    await fake.turn();
    // No more than that: its own patience would be over while the plugin is being ended, which takes real time.
    jest.advanceTimersByTime(20_000);
    await expect(last).rejects.toThrow(/plugin" .* failed: no end after 60 s$/);
    jest.useRealTimers();
    const pid = Number(readFileSync(sleeper, "utf8"));
    await eventually(() => identify(pid) === null, "the plugin's child to be gone");
  });

  /** Hangs once the file is there. */
  const hanging = async (name: string) => {
    const [hang, child] = [fake.pki.dir.join(`${name}-hangs`), fake.pki.dir.join(`${name}-child`)];
    const expired = { token: "t", expirationTimestamp: new Date().toISOString() };
    const script = `[ -e ${hang} ] && { sleep 600 & echo $! > ${child}; wait; }; ${credential(expired)}`;
    const command = await fake.pki.dir.write("plugin", `#!/bin/sh\n${script}\n`, 0o755);
    const kubeconfig = await fake.kubeconfig({ exec: { command } }, {}, "exec");
    const pidOfChild = () => existsSync(child) && Number(readFileSync(child, "utf8"));
    return {
      settings: { kubeconfig },
      begin: () => fake.pki.dir.write(`${name}-hangs`, ""),
      hangs: () => eventually(pidOfChild, "the plugin to hang"),
      isGone: () =>
        eventually(() => identify(Number(pidOfChild())) === null, "the plugin's child to be gone"),
    };
  };

  test("that hangs does not outlive a worker whose start is called off", async () => {
    const { settings, begin, hangs, isGone } = await hanging("start");
    await begin();
    const stop = new AbortController();
    const starting = KubernetesRig.start(fake, { settings, signal: stop.signal });
    starting.catch(() => {});
    await hangs();
    stop.abort(new Error("no more time"));
    await expect(starting).rejects.toThrow("no more time");
    await isGone();
  });

  test("that hangs does not outlive a worker that stops", async () => {
    const { settings, begin, hangs, isGone } = await hanging("stop");
    const rig = await KubernetesRig.start(fake, { settings });
    await fake.api.until(() => fake.api.openWatches === 2, "two watches");
    await begin();
    fake.api.cutWatches();
    await hangs();
    await rig[Symbol.asyncDispose]();
    await isGone();
  });

  test("that leaves a process behind which holds its output open is not waited for", async () => {
    const sleeper = fake.pki.dir.join("agent");
    const cluster = await plugin(`sleep 600 & echo $! > ${sleeper}; ${credential({ token: "given" })}`);
    await version(cluster);
    process.kill(Number(readFileSync(sleeper, "utf8")), "SIGKILL");
    expect(lastAuthorization()).toBe("Bearer given");
  });

  test.each([
    ["is not there", { command: "no-such-plugin" }, /there is no such program/],
    ["writes no credential", { command: "/bin/echo", args: ["hello"] }, /did not write an ExecCredential/],
    ["gives nothing", { command: "/bin/echo", args: ['{"status":{}}'] }, /neither a token nor a certificate/],
  ])("that %s is named", async (_what, exec, words) => {
    const cluster = clusterOf(await fake.kubeconfig({ exec }, {}, "exec-broken"));
    await expect(version(cluster)).rejects.toThrow(words);
  });
});

describe("an answer that is none", () => {
  test.each([
    ["a refusal in the server's words", { status: 403, message: "no pods for you" }, /^no pods for you$/],
    ["a cut connection", "cut" as const, /no answer from https:.*the connection was cut/],
  ])("is told: %s", async (_what, fault, words) => {
    fake.api.fault = () => fault;
    await expect(version(clusterOf(await fake.kubeconfig()))).rejects.toThrow(words);
  });

  test("is not waited for when the signal fires", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const server = `https://localhost:${silent.port}`;
    const stop = new AbortController();
    const asked = clusterOf(await fake.kubeconfig({}, { server }, "silent")).serverVersion(stop.signal);
    stop.abort(new Error("no more time"));
    await expect(asked).rejects.toThrow("no more time");
    silent.stop(true);
  });

  test("a refused connection names the server", async () => {
    const server = "https://localhost:1";
    await expect(version(clusterOf(await fake.kubeconfig({}, { server }, "closed")))).rejects.toThrow(
      /no answer from https:\/\/localhost:1: the connection was refused, or no way leads there/,
    );
  });
});
