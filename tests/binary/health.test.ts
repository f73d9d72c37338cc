/** Health of the compiled worker, over HTTP and by its own command. */
import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { assignment } from "../support/assignments.ts";
import { DirectSite, taskIdOf } from "../support/direct-site.ts";
import { askWithoutHost } from "../support/old-http.ts";
import { eventually, within } from "../support/wait.ts";
import { TEST_API_KEY, type WorkerProcess, workerCommand } from "../support/worker-process.ts";

const HEALTH = ["--health-address", "127.0.0.1:0"];

async function healthUrl(worker: WorkerProcess): Promise<string> {
  const [, url = ""] = await worker.waitForLog(/health is told address=(\S+)/);
  return url;
}

async function ask(...args: readonly string[]) {
  const child = Bun.spawn([...workerCommand(), "health", ...args], {
    // A proxy is for the way out: who asks this host asks it directly.
    env: { PATH: process.env["PATH"] ?? "", HTTP_PROXY: "http://127.0.0.1:9" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { status: await within(child.exited, "the health command"), stdout, stderr };
}

describe("a worker that is connected", () => {
  test("is alive and ready, also when it asks itself", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: HEALTH });
    const url = await healthUrl(worker);
    for (const path of ["/healthz", "/readyz"]) {
      const response = await fetch(url + path);
      expect([response.status, await response.text()]).toEqual([200, "ok\n"]);
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
    const address = new URL(url).host;
    expect(await ask("--address", address)).toEqual({ status: 0, stdout: "ok\n", stderr: "" });
    expect(await ask("--address", address, "--ready")).toMatchObject({ status: 0 });
    const shown = await ask("--address", address, "--status");
    expect(JSON.parse(shown.stdout)).toMatchObject({ workerId: "bar", ready: true });
  });

  test("tells of its tasks, its link and its outbox, and no secret", async () => {
    const secret = "value-of-the-task-77aa";
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: [...HEALTH, "-e", "OPERATOR=value-of-operator"] });
    const url = await healthUrl(worker);
    const [run] = await site.hold(1, { SECRET: secret });
    // The agent runs before the worker is told of its pid.
    const text = await eventually(async () => {
      const shown = await (await fetch(`${url}/statusz`)).text();
      return JSON.parse(shown).tasks[0]?.handle?.pid ? shown : null;
    }, "the agent's pid to be known");
    const taskId = run ? taskIdOf(run) : "";
    expect(JSON.parse(text)).toMatchObject({
      workerId: "bar",
      backend: "direct",
      pid: worker.pid,
      alive: true,
      ready: true,
      accepting: true,
      link: { state: "connected", since: expect.stringMatching(/^\d{4}-/), reconnects: 0 },
      outbox: { messages: expect.any(Number), oldestAgeSeconds: expect.any(Number) },
      journal: { durable: true },
      tasks: [
        {
          taskId,
          executionId: `exec-${taskId}`,
          phase: "run",
          ageSeconds: expect.any(Number),
          handle: { pid: expect.any(Number), dir: expect.stringContaining(taskId) },
        },
      ],
    });
    for (const hidden of [secret, "value-of-operator", TEST_API_KEY]) expect(text).not.toContain(hidden);
  });

  test("answers only what is asked rightly", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: HEALTH });
    const url = await healthUrl(worker);
    expect((await fetch(`${url}/healthz`, { method: "HEAD" })).status).toBe(200);
    expect((await fetch(`${url}/healthz`, { method: "POST" })).status).toBe(405);
    expect((await fetch(`${url}/`)).status).toBe(404);
  });

  // HAProxy's `option httpchk GET /readyz` once took every worker for down: it was answered with a 500.
  test("is ready for a probe in HTTP/1.0, which names no host", async () => {
    await using site = await DirectSite.create();
    await using worker = await site.start({ flags: HEALTH });
    const answer = await askWithoutHost(`${await healthUrl(worker)}/readyz`);
    expect(answer).toMatch(/^HTTP\/1\.\d 200 .*\r\n\r\nok\n$/s);
  });
});

test("a worker without a connection is alive, and not ready", async () => {
  await using site = await DirectSite.create();
  site.plane.faults.refuse(503);
  await using worker = await site.start({ flags: HEALTH, connected: false });
  const url = await healthUrl(worker);
  await worker.waitForLog(/control plane refused the connection/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toMatch(/^the link to the control plane is (?:waiting|connecting)\n$/);
  const address = new URL(url).host;
  expect(await ask("--address", address)).toMatchObject({ status: 0 });
  expect(await ask("--address", address, "--ready")).toMatchObject({
    status: 1,
    stdout: "",
    stderr: expect.stringContaining("503"),
  });
});

// The page of another program came whole, with whatever a terminal makes of it.
test("what is not well is told in a line, whoever listens there", async () => {
  const page = `<p>\u001b[31mNot here</p>\n${"<br>\n".repeat(1_000)}`;
  await using other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(page, { status: 404 }),
  });
  const { status, stderr } = await ask("--address", `127.0.0.1:${other.port}`);
  const says = `oz-agent-worker: http://127.0.0.1:${other.port}/healthz says 404: `;
  expect([status, stderr]).toEqual([1, `${says}<p>\\u001b[31mNot here</p>\n`]);
});

test("a worker that stops is not ready any more, and alive until its tasks have ended", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ flags: HEALTH, top: { cancel_grace_period: "5s" } });
  const url = await healthUrl(worker);
  const [run] = await site.holdAll([assignment({ env: { AGENT_HOLD: "1", AGENT_IGNORE_TERM: "1" } })]);
  expect(run).toBeDefined();
  worker.kill("SIGTERM");
  await worker.waitForLog(/stopping; another signal/);
  const ready = await fetch(`${url}/readyz`).catch(() => null);
  // A task that ends at once leaves no time to ask.
  if (ready !== null)
    expect([ready.status, await ready.text()]).toEqual([503, "the worker is starting or stopping\n"]);
  expect(await worker.finished()).toBe(0);
});

test("an address that is taken costs one warning and nothing else", async () => {
  await using site = await DirectSite.create();
  const taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no worker") });
  await using worker = await site.start({
    flags: ["--health-address", `127.0.0.1:${taken.port}`],
    env: { OTEL_METRICS_EXPORTER: "none" },
  });
  await worker.waitForLog(/health cannot be told; the worker goes on without/);
  expect((await site.run(assignment())).state).toBe("completed");
  expect(await worker.stop()).toBe(0);
  expect(worker.stderr.match(/ WARN /g)).toHaveLength(1);
  await taken.stop(true);
});

// Both listened there once, and each was asked now and then in the other's place.
test("of two workers with one address the second says that it is taken", async () => {
  await using site = await DirectSite.create();
  await using first = await site.start({ flags: HEALTH });
  const { host } = new URL(await healthUrl(first));
  await using second = await site.start({
    flags: ["--health-address", host],
    env: { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_PORT: host.replace(/^.*:/, "") },
  });
  await second.waitForLog(/health cannot be told; the worker goes on without/);
  await second.waitForLog(
    /metrics are not exported this way; the worker goes on without exporter=prometheus/,
  );
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

// Where pods have IPv6 addresses alone, the probe of the chart found nobody, and the worker was started again and again.
test.if(hasIpv6)("a port without an address is one of every address, IPv4 and IPv6", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({
    flags: ["--health-address", ":0"],
    env: { OTEL_METRICS_EXPORTER: "none" },
  });
  const { port } = new URL(await healthUrl(worker));
  for (const host of ["127.0.0.1", "[::1]"]) {
    expect((await fetch(`http://${host}:${port}/healthz`)).status).toBe(200);
    expect(await ask("--address", `${host}:${port}`)).toMatchObject({ status: 0 });
  }
  expect(await ask("--address", `:${port}`)).toMatchObject({ status: 0 });
  expect(await worker.stop()).toBe(0);
});

// "No such file or directory", the runtime says.
test("of a name that nobody knows it is said that it has no address", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({
    flags: ["--health-address", "no-such-host.invalid:8152"],
    env: { OTEL_METRICS_EXPORTER: "prometheus", OTEL_EXPORTER_PROMETHEUS_HOST: "no-such-host.invalid" },
  });
  // The other runtime's words.
  const noAddress = String.raw`(?:no address is known for the name .{0,2}no-such-host\.invalid|lookup address)`;
  await worker.waitForLog(new RegExp(`health cannot be told.*${noAddress}`));
  await worker.waitForLog(new RegExp(`metrics are not exported this way.*${noAddress}`));
  expect(await worker.stop()).toBe(0);
});

test("nothing listens unless it is asked for", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ env: { OTEL_METRICS_EXPORTER: "none" } });
  const inodes = new Set<string>();
  for (const table of ["tcp", "tcp6"]) {
    const text = await Bun.file(`/proc/${worker.pid}/net/${table}`).text();
    for (const line of text.split("\n"))
      if (/^\s*\d+: \S+ \S+ 0A /.test(line)) inodes.add(line.trim().split(/\s+/)[9] ?? "");
  }
  const { stdout } = Bun.spawnSync(["ls", "-l", `/proc/${worker.pid}/fd`]);
  const sockets = [...stdout.toString().matchAll(/socket:\[(\d+)\]/g)].map(([, inode = ""]) => inode);
  expect(sockets.filter((inode) => inodes.has(inode))).toEqual([]);
});

describe("the health command", () => {
  test("ends with 1 when nobody is there, and says whom it asked", async () => {
    const asked = await ask("--address", "127.0.0.1:9");
    expect(asked).toMatchObject({ status: 1, stdout: "" });
    expect(asked.stderr).toMatch(
      /Cannot ask http:\/\/127\.0\.0\.1:9\/healthz: .*--health-address 127\.0\.0\.1:9\?/,
    );
    // The runtime's own words, which ask the operator.
    expect(asked.stderr).not.toContain("Is the computer able");
  });

  test("ends with 2 for what is no address", async () => {
    const asked = await ask("--address", "nowhere");
    expect(asked.status).toBe(2);
    expect(asked.stderr).toContain("--address must be an address");
  });
});
