/** What doctor says of each backend, and that nothing is left of its look. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { never } from "../../src/async/wait.ts";
import { checkBackend } from "../../src/doctor/backend.ts";
import { checkWorkspaces } from "../../src/doctor/workspaces.ts";
import { FakeCluster } from "../support/fake-cluster.ts";
import { FakeEngine, json } from "../support/fake-engine.ts";
import { TempDir } from "../support/temp-dir.ts";
import { settingsOf } from "../unit/doctor/settings-of.ts";

let dir: TempDir;

beforeAll(async () => {
  dir = await TempDir.create("doctor");
});

afterAll(() => dir[Symbol.asyncDispose]());

interface Ways {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stop?: AbortSignal;
}

async function check(backend: object, { args = [], env = {}, stop = never() }: Ways = {}) {
  const workerEnvironment = { PATH: "/usr/bin:/bin", HOME: dir.path, ...env };
  const settings = await settingsOf(dir, { backend }, args);
  return await checkBackend({ settings, workerEnvironment, instanceId: crypto.randomUUID(), stop });
}

describe("Direct", () => {
  test("is told with its agent, and its workspace root is not made", async () => {
    const root = dir.join("oz", "workspaces");
    expect(await check({ direct: { oz_path: "/bin/true", workspace_root: root } })).toEqual([
      { name: "backend", status: "ok", detail: `the agent is /bin/true, and works below ${root}` },
    ]);
    expect(existsSync(dir.join("oz"))).toBe(false);
  });

  test("without an agent fails, and says what to do", async () => {
    expect(await check({ direct: {} })).toEqual([
      {
        name: "backend",
        status: "fail",
        detail: 'Cannot find the agent "oz" on PATH (/usr/bin:/bin)',
        hint: "install the oz CLI or set backend.direct.oz_path",
      },
    ]);
  });

  test("whose workspaces cannot be made fails", async () => {
    const file = await dir.write("file", "");
    const direct = { oz_path: "/bin/true", workspace_root: `${file}/ws` };
    expect((await check({ direct }))[0]).toMatchObject({
      status: "fail",
      detail: `Cannot use the workspace root ${file}/ws: ${file} is not a folder`,
      hint: "set backend.direct.workspace_root to a folder that this user can write",
    });
  });

  test("works in a folder that is there", async () => {
    const direct = { oz_path: "/bin/true", target_dir: dir.path };
    expect((await check({ direct }))[0]?.detail).toBe(`the agent is /bin/true, and works in ${dir.path}`);
    expect((await check({ direct: { ...direct, target_dir: "/no/such" } }))[0]?.status).toBe("fail");
  });
});

describe("the room for workspaces", () => {
  test("is that of the nearest folder above them", async () => {
    const found = await checkWorkspaces({
      dir: dir.join("not", "yet"),
      minFreeBytes: 1,
      setting: "backend.direct.min_free_gb",
    });
    expect(found).toMatchObject({ name: "workspaces", status: expect.stringMatching(/^(?:ok|warn)$/) });
    expect(found.detail).toMatch(/^[\d.]+ [KMGT]B free at .*\/not\/yet$/);
  });

  test("is too little where a worker would turn every task down", async () => {
    expect(
      await checkWorkspaces({ dir: dir.path, minFreeBytes: 2 ** 60, setting: "backend.direct.min_free_gb" }),
    ).toMatchObject({
      status: "fail",
      detail: expect.stringMatching(/ free at .*, too little for any task \(min_free_gb\)$/),
      hint: "make room, or lower backend.direct.min_free_gb",
    });
  });

  test("is a warning where there is none at all", async () => {
    expect(
      await checkWorkspaces({ dir: "/proc", minFreeBytes: 0, setting: "backend.direct.min_free_gb" }),
    ).toEqual({
      name: "workspaces",
      status: "warn",
      detail: "0 bytes free at /proc",
      hint: "make room, or give backend.direct a folder of a larger disk",
    });
  });
});

describe("Docker", () => {
  test("is told with the engine's version, which is asked and told to do nothing", async () => {
    await using engine = await FakeEngine.start();
    const [found, ...more] = await check({ docker: {} }, { env: { DOCKER_HOST: engine.host } });
    expect(found).toEqual({
      name: "backend",
      status: "ok",
      detail: `container engine at ${engine.host} (DOCKER_HOST): 27.0.1, API 1.47, linux/arm64`,
    });
    expect(more).toEqual([]);
    expect(engine.requests.every(({ method }) => method === "GET" || method === "HEAD")).toBe(true);
    await engine.idle();
  });

  test("that is not there fails, and names the endpoint", async () => {
    const [found] = await check({ docker: {} }, { env: { DOCKER_HOST: "unix:///no/engine.sock" } });
    expect(found).toMatchObject({
      status: "fail",
      detail:
        "Cannot use the container engine at unix:///no/engine.sock (DOCKER_HOST): there is no such socket",
      hint: expect.stringContaining("DOCKER_HOST"),
    });
  });

  test("of another system fails", async () => {
    await using engine = await FakeEngine.start();
    engine.on("GET", "/version", (response) =>
      json(response, { Version: "27.0.1", ApiVersion: "1.47", Os: "windows", Arch: "amd64" }),
    );
    const [found] = await check({ docker: {} }, { env: { DOCKER_HOST: engine.host } });
    expect(found).toMatchObject({ status: "fail", detail: expect.stringContaining("windows/amd64") });
  });

  test("is warned of a volume with the engine's socket, as in the log", async () => {
    await using engine = await FakeEngine.start();
    const args = ["-v", "/var/run/docker.sock:/var/run/docker.sock"];
    const found = await check({ docker: {} }, { args, env: { DOCKER_HOST: engine.host } });
    expect(found.map(({ status }) => status)).toEqual(["ok", "warn"]);
    expect(found[1]?.detail).toContain("and with it root on this host (volume /var/run/docker.sock:");
  });

  test("that does not answer is given up at once when asked to", async () => {
    const asked = Promise.withResolvers<void>();
    const unix = dir.join("silent.sock");
    const silent = Bun.listen({ unix, socket: { open: () => asked.resolve(), data: () => {} } });
    const stop = new AbortController();
    const checked = check({ docker: {} }, { env: { DOCKER_HOST: `unix://${unix}` }, stop: stop.signal });
    await asked.promise;
    stop.abort(new Error("asked to"));
    expect(checked).rejects.toThrow("asked to");
    await checked.catch(() => {});
    silent.stop(true);
  });
});

describe("Command", () => {
  test("is told that its commands were not run", async () => {
    const mark = dir.join("was-run");
    const command = { dispatch_command: `touch ${mark}`, cancel_command: "true" };
    expect((await check({ command }))[0]).toEqual({
      name: "backend",
      status: "ok",
      detail: "nothing speaks against dispatch_command and cancel_command, which were not run",
    });
    expect(existsSync(mark)).toBe(false);
  });

  test("whose program is not there fails", async () => {
    expect((await check({ command: { dispatch_command: "/no/sbatch --x" } }))[0]).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("there is no such file"),
      hint: expect.stringContaining("dispatch_command"),
    });
  });
});

describe("Kubernetes", () => {
  const written = (cluster: FakeCluster) =>
    cluster.api.calls.filter(
      ({ verb, query, resource }) =>
        !["get", "list", "watch"].includes(verb) && !query.has("dryRun") && !/reviews$/.test(resource),
    );

  test("is told with its cluster, in which nothing is left and no Lease was taken", async () => {
    await using cluster = await FakeCluster.start();
    const kubeconfig = await cluster.kubeconfig();
    const found = await check({ kubernetes: { namespace: "agents", kubeconfig } });
    expect(found).toEqual([
      {
        name: "backend",
        status: "ok",
        detail: expect.stringMatching(
          /^namespace "agents" of the cluster at https:\S+ \(kubeconfig .*\) took a preflight Job, which is deleted; tasks' variables go into Secrets$/,
        ),
      },
    ]);
    expect(written(cluster).map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([
      "create jobs",
      "delete jobs",
    ]);
    for (const kind of ["jobs", "leases", "secrets", "pods"] as const)
      expect(cluster.api.store.list(kind)).toEqual([]);
  });

  test("whose role is short of something is warned of, or fails, as at a start", async () => {
    await using some = await FakeCluster.start({ forbidden: ["create leases", "create secrets"] });
    const warned = await check({ kubernetes: { kubeconfig: await some.kubeconfig() } });
    expect(warned.map(({ status }) => status)).toEqual(["ok", "warn", "warn"]);
    expect(warned[0]?.detail).toEndWith("tasks' variables go into their Jobs");
    expect(warned[1]?.hint).toBe("grant (RBAC): create leases.coordination.k8s.io");
    await using none = await FakeCluster.start({ forbidden: ["create jobs", "get pods"] });
    expect(await check({ kubernetes: { kubeconfig: await none.kubeconfig() } })).toEqual([
      {
        name: "backend",
        status: "fail",
        detail: expect.stringContaining("grant (RBAC): create jobs.batch; get pods"),
      },
    ]);
    expect(written(none)).toEqual([]);
  });

  // Once all of it was one sentence, for a semicolon in the reason hid the one before the advice.
  test("whose certificate is for another name is a failure with its advice apart", async () => {
    await using cluster = await FakeCluster.start();
    const server = cluster.api.url.replace("localhost", "127.0.0.1");
    const kubeconfig = await cluster.kubeconfig({}, { server });
    const [found] = await check({ kubernetes: { kubeconfig } });
    expect(found).toMatchObject({ status: "fail", hint: expect.stringMatching(/^check the address/) });
    expect(found?.detail).toEndWith("its certificate is for another host name (see tls-server-name)");
  });

  test("is stopped in the middle of the preflight, whose Job goes all the same", async () => {
    await using cluster = await FakeCluster.start();
    const stop = new AbortController();
    cluster.api.fault = ({ verb, resource }) => {
      if (verb === "list" && resource === "pods") stop.abort(new Error("asked to"));
      return null;
    };
    const kubeconfig = await cluster.kubeconfig();
    const checked = check({ kubernetes: { kubeconfig } }, { stop: stop.signal });
    expect(checked).rejects.toThrow("asked to");
    await checked.catch(() => {});
    expect(cluster.api.store.list("jobs")).toEqual([]);
  });
});
