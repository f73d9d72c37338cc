/** The compiled program's `doctor`: what it finds, what it says, and that it leaves nothing behind. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite, type SiteWorkerOptions, taskIdOf, WORKER_ID } from "../support/direct-site.ts";
import { CAN_OBEY, OBEYING } from "../support/permissions.ts";
import { TEST_API_KEY, WorkerProcess, workerCommand } from "../support/worker-process.ts";
import { RawPeer } from "../unit/control-plane/raw-peer.ts";

const QUIET = { OTEL_METRICS_EXPORTER: "none" };

interface Said {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** To its end, against the site's control plane and with its configuration. */
async function doctor(site: DirectSite, options: SiteWorkerOptions = {}): Promise<Said> {
  const flags = ["doctor", ...(options.flags ?? [])];
  const env = { ...QUIET, ...options.env };
  await using run = await site.start({ ...options, flags, env, connected: false });
  return await saidBy(run);
}

/** The same with a command line alone. */
async function doctorOf(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  await using run = await WorkerProcess.start({ flags: ["doctor", ...flags], env: { ...QUIET, ...env } });
  return await saidBy(run);
}

async function saidBy(run: WorkerProcess): Promise<Said> {
  const status = await run.finished();
  const { stdout, stderr } = run;
  for (const text of [stdout, stderr]) expect(text).not.toContain(TEST_API_KEY);
  return { status, stdout, stderr };
}

/** Of each line its status, by the name of what was looked at. */
function statuses(stdout: string): Record<string, string> {
  const lines = stdout.matchAll(/^(ok|warn|fail|skip) +([a-z-]+) /gm);
  return Object.fromEntries([...lines].map(([, status = "", name = ""]) => [name, status]));
}

const ALL_WELL = {
  ...{ configuration: "ok", "api-key": "ok", "state-folder": "ok", "control-plane": "ok", delivery: "ok" },
  ...{ backend: "ok", workspaces: "ok", metrics: "ok" },
};

describe("where all is well, doctor", () => {
  test("says so line by line, ends with 0, and makes nothing", async () => {
    await using site = await DirectSite.create();
    const workspaces = site.dir.join("not-yet", "ws");
    const { status, stdout, stderr } = await doctor(site, { direct: { workspace_root: workspaces } });
    expect({ status, stderr, found: statuses(stdout) }).toEqual({ status: 0, stderr: "", found: ALL_WELL });
    expect(stdout).toMatch(/^ok {4}configuration {2}config file \S+; worker id bar, backend direct\n/);
    expect(stdout).toMatch(
      /^ok {4}control-plane {2}connected to ws:\S+ as bar@doctor in \d+ ms, without a proxy$/m,
    );
    expect(stdout).toMatch(/^ok {4}delivery {7}a ping was answered in \d+ ms$/m);
    expect(stdout).toEndWith("\n8 ok, 0 warnings, 0 failed\n");
    for (const path of [site.stateDir, site.dir.join("not-yet")]) expect(existsSync(path)).toBe(false);
    expect(site.plane.handshakes).toEqual([
      expect.objectContaining({ workerId: `${WORKER_ID}@doctor`, outcome: "accepted" }),
    ]);
    await site.plane.waitForOpenLinks(0);
    expect(site.plane.frames).toEqual([]);
  });

  test("says it as one JSON object when asked to", async () => {
    await using site = await DirectSite.create();
    const { status, stdout } = await doctor(site, { flags: ["--json"] });
    expect(status).toBe(0);
    const said = JSON.parse(stdout);
    expect(said).toEqual({ version: expect.any(String), checks: expect.any(Array), ok: true });
    const names = Object.keys(ALL_WELL);
    expect(said.checks.map(({ name }: { name: string }) => name)).toEqual(names);
    expect(said.checks[0]).toEqual({ name: "configuration", status: "ok", detail: expect.any(String) });
  });
});

test("a worker of the same id that runs beside it notices nothing, and its task goes on", async () => {
  await using site = await DirectSite.create();
  await using worker = await site.start({ flags: ["--health-address", "127.0.0.1:0"], env: QUIET });
  const [, address = ""] = await worker.waitForLog(/health is told address=http:\/\/(\S+)/);
  const [run] = await site.hold(1);
  const { status, stdout } = await doctor(site, { flags: ["--health-address", address] });
  expect({ status, found: statuses(stdout) }).toEqual({ status: 0, found: { ...ALL_WELL, health: "warn" } });
  expect(stdout).toContain("somebody listens there already, perhaps a worker that runs");
  await site.plane.waitForOpenLinks(1);
  const { total, open } = site.plane.connections;
  expect([total, open.map(({ workerId }) => workerId)]).toEqual([2, [WORKER_ID]]);
  if (run === undefined) throw new Error("no task was started");
  run.release();
  const taskId = taskIdOf(run);
  expect((await site.plane.waitForTask(taskId)).state).toBe("completed");
  expect(site.messages(taskId).map(({ type }) => type)).toEqual(["task_claimed", "task_completed"]);
  expect((await site.run(assignment())).state).toBe("completed");
  expect(await worker.stop()).toBe(0);
  expect(worker.stderr).not.toMatch(/ (?:WARN|ERROR) /);
});

describe("what would keep the worker from working ends with 1:", () => {
  test("a refused key, told with its place and what to do", async () => {
    await using site = await DirectSite.create({ apiKey: "another-key" });
    const { status, stdout } = await doctor(site);
    expect(status).toBe(1);
    expect(statuses(stdout)).toMatchObject({ "control-plane": "fail", delivery: "skip", backend: "ok" });
    expect(stdout).toMatch(
      /^fail {2}control-plane {2}control plane refused the key, WARP_API_KEY: HTTP 401 /m,
    );
    expect(stdout).toMatch(/^ {21}set a valid team API key there and start again$/m);
    expect(stdout).toEndWith("\n6 ok, 0 warnings, 1 failed, 1 skipped\n");
  });

  test("nobody who answers", async () => {
    await using site = await DirectSite.create();
    await site.plane.goDown();
    const { status, stdout } = await doctor(site);
    expect(status).toBe(1);
    expect(statuses(stdout)).toMatchObject({ "control-plane": "fail", delivery: "skip", backend: "ok" });
    expect(stdout).toMatch(/^fail {2}control-plane {2}cannot connect to the control plane at ws:/m);
  });

  test("no agent", async () => {
    await using site = await DirectSite.create();
    const { status, stdout } = await doctor(site, { direct: { oz_path: "/no/oz" } });
    expect(status).toBe(1);
    expect(statuses(stdout)).toEqual({ ...ALL_WELL, backend: "fail" });
    expect(stdout).toMatch(
      /^fail {2}backend +Cannot use the agent "\/no\/oz" \(oz_path\): there is no such file$/m,
    );
    expect(stdout).toMatch(/^ {21}install the oz CLI or correct backend\.direct\.oz_path$/m);
  });

  test("no engine", async () => {
    await using peer = await RawPeer.start();
    const flags = ["--worker-id", "w", "--backend", "docker", "--web-socket-url", peer.url];
    const { status, stdout } = await doctorOf(flags, { DOCKER_HOST: "unix:///no/docker.sock" });
    expect(status).toBe(1);
    expect(statuses(stdout)).toMatchObject({ "control-plane": "ok", delivery: "ok", backend: "fail" });
    expect(stdout).toMatch(
      /^fail {2}backend +Cannot use the container engine at unix:\/\/\/no\/docker\.sock /m,
    );
  });
});

describe("what only makes it worse is a warning, and ends with 0:", () => {
  test("a peer that answers no ping", async () => {
    await using peer = await RawPeer.start({ pongsFor: () => [] });
    const command = '{"command":{"dispatch_command":"true"}}';
    await using run = await WorkerProcess.start({
      flags: ["doctor", "--web-socket-url", peer.url],
      config: `{"worker_id":"w","backend":${command}}`,
      env: QUIET,
    });
    const { status, stdout } = await saidBy(run);
    expect({ status, found: statuses(stdout)["delivery"] }).toEqual({ status: 0, found: "warn" });
    expect(stdout).toContain("no answer to a ping within 5 s");
    expect(peer.frames.map(({ kind }) => kind)).toEqual(["ping", "close"]);
  });

  test.skipIf(!CAN_OBEY)("a state folder that this user may not write", async () => {
    await using site = await DirectSite.create();
    const stateDir = await site.dir.mkdir("locked");
    chmodSync(stateDir, 0o555);
    const command = [...OBEYING, ...workerCommand()];
    const { status, stdout } = await doctor(site, { command, stateDir });
    expect({ status, found: statuses(stdout) }).toEqual({
      status: 0,
      found: { ...ALL_WELL, "state-folder": "warn" },
    });
    expect(stdout).toMatch(
      /^warn {2}state-folder +\S+\/locked\/bar cannot be used: EACCES.*; the worker would go on in memory/m,
    );
  });

  test.skipIf(!CAN_OBEY)(
    "a slot that another user has, as root has where a worker ran as that once",
    async () => {
      await using site = await DirectSite.create();
      await site.dir.write("state/bar/slot-0.lock", "", 0o000);
      const { status, stdout } = await doctor(site, { command: [...OBEYING, ...workerCommand()] });
      expect({ status, found: statuses(stdout) }).toEqual({
        status: 0,
        found: { ...ALL_WELL, "state-folder": "warn" },
      });
      expect(stdout).toMatch(/^warn {2}state-folder +\S+\/slot-0\.lock may not be used by this user: /m);
    },
  );
});

describe("with --config-only, doctor", () => {
  const FILES = { api_key_file: "/nowhere/key", ca_file: "/nowhere/ca.pem" };

  test("looks at what is written alone: neither key nor control plane nor agent has to be there", async () => {
    await using site = await DirectSite.create();
    const direct = { oz_path: "/nowhere/oz" };
    const { status, stdout, stderr } = await doctor(site, { flags: ["--config-only"], top: FILES, direct });
    expect({ status, stderr, found: statuses(stdout) }).toEqual({
      status: 0,
      stderr: "",
      found: { configuration: "ok" },
    });
    expect(site.plane.handshakes).toEqual([]);
  });

  test("tells a backend that is written and not used", async () => {
    await using site = await DirectSite.create();
    const flags = ["--config-only", "--backend", "docker"];
    const { status, stdout } = await doctor(site, { flags });
    expect([status, statuses(stdout)]).toEqual([0, { configuration: "warn" }]);
  });

  test("ends with 2 for what a start would refuse", async () => {
    await using site = await DirectSite.create();
    const { status, stdout, stderr } = await doctor(site, {
      flags: ["--config-only", "--json"],
      top: { ...FILES, log_level: "loud" },
    });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/log_level/);
    expect(stderr).not.toContain("/nowhere");
  });
});

describe("mistakes of the command line and the configuration", () => {
  test("end with 2, and are told as by a start", async () => {
    await using site = await DirectSite.create();
    const bad = { top: { log_level: "loud" }, flags: ["--nope"] };
    const told = await doctor(site, { ...bad, flags: ["--nope", "--json"] });
    await using start = await site.start({ ...bad, connected: false });
    expect(await start.finished()).toBe(2);
    const nameless = (text: string) => text.replaceAll(/\S+\/worker\.yaml/g, "FILE");
    expect(told).toMatchObject({ status: 2, stdout: "" });
    expect(nameless(told.stderr)).toBe(nameless(start.stderr));
    expect(site.plane.handshakes).toEqual([]);
  });
});

describe("an end before all is looked at", () => {
  test("by Ctrl-C comes at once, and is no success", async () => {
    await using site = await DirectSite.create();
    site.plane.faults.hang();
    await using run = await site.start({ flags: ["doctor"], env: QUIET, connected: false });
    await site.plane.waitForHandshake(1);
    expect(await run.stop("SIGINT", 3_000)).toBe(130);
    expect(run.stderr).toBe("");
    expect(run.stdout).toMatch(/^ok {4}state-folder /m);
    expect(run.stdout).not.toContain("control-plane");
  });

  test("by a reader that has seen enough is no error", async () => {
    await using site = await DirectSite.create();
    const config = await site.dir.write("worker.yaml", site.config());
    const args = ["doctor", "--config-file", config, "--web-socket-url", site.plane.webSocketUrl];
    const child = Bun.spawn(["/bin/sh", "-c", '"$@" | head -n 1', "sh", ...workerCommand(), ...args], {
      env: { ...QUIET, PATH: process.env["PATH"] ?? "", HOME: site.dir.path, WARP_API_KEY: TEST_API_KEY },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect([stdout.split("\n").length, stderr]).toEqual([2, ""]);
  });
});

test("no secret is in what it says: key, password of a proxy, header of a collector, variable of the tasks", async () => {
  await using site = await DirectSite.create();
  const keyFile = await site.dir.write("key", "key-from-the-file\n");
  const secret = {
    proxy: "password-of-the-proxy",
    header: "token-of-the-collector",
    task: "value-of-a-task",
  };
  const { stdout, stderr } = await doctor(site, {
    flags: ["--api-key-file", keyFile, "-e", `TOKEN=${secret.task}`],
    direct: { oz_path: `/no/${secret.task}` },
    env: {
      HTTP_PROXY: `http://user:${secret.proxy}@127.0.0.1:9`,
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:9/?token=${secret.header}`,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${secret.header}`,
    },
  });
  expect(statuses(stdout)).toMatchObject({
    "api-key": "ok",
    "control-plane": "fail",
    backend: "fail",
    metrics: "warn",
  });
  expect(stdout).toContain("through the proxy 127.0.0.1:9");
  expect(stdout).toContain("/no/***");
  for (const hidden of ["key-from-the-file", ...Object.values(secret)])
    expect(stdout + stderr).not.toContain(hidden);
});
