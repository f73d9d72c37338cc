/** The container that the engine is asked for, to the letter. */
import { expect, test } from "bun:test";
import { setups, cases as table } from "../fixtures/assignments.json";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngine } from "../support/live-services.ts";

interface SetUp {
  readonly flags: readonly string[];
  readonly server: string;
  readonly idle: string | null;
  readonly tail: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Case {
  readonly name: string;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly task?: Readonly<Record<string, unknown>>;
  readonly argv: readonly unknown[];
  readonly team?: boolean;
  readonly idle?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const cases: readonly Case[] = table as readonly Case[];
const OPERATOR = { environment: [{ name: "FROM_CONFIG", value: "cfg" }, { name: "PASSED" }] };
const WORKER_ENV = { PASSED: "through", PASSED_CLI: "through-cli", OF_THE_WORKER: "secret" };
/** The images' own, which the engine puts before what the worker asks for. */
const IMAGE_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What the cases set is the worker's to pass on; images have to be of this registry, and sizes of this host. */
const OURS = ["docker_image", "sidecar_image", "additional_sidecars"];
/** With arguments, an environment and a snapshot that are odd, and with everything at once. */
const OF_EACH_KIND = ["no snapshot", "mcp servers", "additional oz args", "env vars", "everything"];

function assignmentOf(site: DockerSite, { more = {}, task = {} }: Case) {
  const whole = site.task();
  const theirs = Object.entries(more).filter(([name]) => !OURS.includes(name));
  const base = { ...whole, env_vars: undefined, task: { ...(whole["task"] as object), ...task } };
  return { ...base, ...Object.fromEntries(theirs), task_id: whole.task_id };
}

function expectedOf(each: Case, setUp: SetUp, taskId: string) {
  const idle = each.idle ?? setUp.idle;
  const variables = Object.entries((each.more?.["env_vars"] ?? {}) as Record<string, unknown>);
  const asked = variables.filter(([, value]) => value !== null);
  // Folders of a workspace belong to the Direct backend; here the task's own word stands.
  const told = (name: string) => (each.env?.[name]?.includes("<ws>") ? undefined : each.env?.[name]);
  return {
    cmd: [
      ...["/agent/entrypoint.sh", "agent", "run", ...(each.team ? ["--share", "team:edit"] : [])],
      ...["--task-id", taskId, "--sandboxed", "--server-root-url", setUp.server],
      ...each.argv,
      ...["--idle-on-complete", ...(idle === null ? [] : [idle]), ...setUp.tail],
    ],
    env: {
      TASK_ID: taskId,
      GIT_TERMINAL_PROMPT: "0",
      GH_PROMPT_DISABLED: "1",
      WARP_SERVER_ROOT_URL: setUp.server,
      ...Object.fromEntries(asked.map(([name, value]) => [name, told(name) ?? String(value)])),
      ...setUp.env,
    },
    workingDir: "/workspace",
  };
}

async function observedOf(site: DockerSite, taskId: string) {
  const { Config } = await site.containerOf(taskId);
  const cmd = Config.Cmd.map((word, index) => (Config.Cmd[index - 1] === "--mcp" ? JSON.parse(word) : word));
  const env = Config.Env.filter((entry) => entry !== IMAGE_PATH).map((entry) => {
    const equals = entry.indexOf("=");
    return [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  return { cmd, env: Object.fromEntries(env), workingDir: Config.WorkingDir };
}

onEachEngine("its creation", ({ socket, registry, flavour }) => {
  // What is put together does not depend on the engine: all of it once, and some of each set-up.
  const wanted = Object.entries(setups as Record<string, SetUp>).filter(
    ([name]) => (name === "plain") === (flavour === "debian"),
  );
  const chosen = flavour === "debian" ? cases : cases.filter(({ name }) => OF_EACH_KIND.includes(name));
  test.each(wanted)(
    "in the set-up %s assignments give the container's command, environment and folder",
    async (_name, setUp) => {
      await using site = await DockerSite.create({ socket, registry });
      const top = { cleanup: false, max_concurrent_tasks: 8 };
      await using _worker = await site.start({ flags: setUp.flags, top, docker: OPERATOR, env: WORKER_ENV });
      const submitted = chosen.map((each) => ({ each, task: site.plane.submit(assignmentOf(site, each)) }));
      const observed: Record<string, unknown> = {};
      const expected: Record<string, unknown> = {};
      for (const { each, task } of submitted) {
        const ended = await site.plane.waitForTask(task.taskId, [], { timeoutMs: 50_000 });
        observed[each.name] = [ended.state, ended.message, await observedOf(site, task.taskId)];
        expected[each.name] = [
          "completed",
          "Task completed successfully",
          expectedOf(each, setUp, task.taskId),
        ];
      }
      expect(observed).toEqual(expected);
    },
  );

  test("sidecars come before the operator's volumes, whose modes are kept, and limits are the shape's", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const data = await site.dir.mkdir("data");
    const volumes = [`${site.control}:/control`, `${data}:/data:ro`];
    const flags = ["-v", `${data}:/more:rw`];
    await using _worker = await site.start({ top: { cleanup: false }, docker: { volumes }, flags });
    const more = {
      instance_shape: { vcpus: 0.5, memory_gb: 0.25 },
      additional_sidecars: [{ image: site.image("test/scratch:1"), mount_path: "/tools" }],
    };
    const { taskId, state } = await site.run({ sh: "cat /tools/data.txt", more });
    expect(state).toBe("completed");
    const { HostConfig, Config, Mounts } = await site.containerOf(taskId);
    expect(Config.Image).toBe(site.image("test/task:1"));
    expect([HostConfig.NanoCpus, HostConfig.Memory, HostConfig.MemorySwap]).toEqual([5e8, 2 ** 28, 2 ** 28]);
    const binds = HostConfig.Binds ?? [];
    expect(binds.slice(-3)).toEqual([...volumes, `${data}:/more:rw`]);
    const sidecars = Mounts.filter(({ Destination }) => ["/agent", "/tools"].includes(Destination));
    expect(sidecars.map(({ RW }) => RW)).toEqual([false, false]);
    if (flavour === "debian") {
      // Without image mounts it can only be volumes, named for repository and digest.
      expect(binds.slice(0, -3)).toEqual([
        expect.stringMatching(/^127\.0\.0\.1-\d+-test-agent-[0-9a-f]{12}:\/agent:ro$/),
        expect.stringMatching(/^127\.0\.0\.1-\d+-test-scratch-[0-9a-f]{12}:\/tools:ro$/),
      ]);
    }
  });

  test("a shape without numbers sets no limit, and a security setting is passed on", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const security = { no_new_privileges: true, pids_limit: 99, cap_drop: ["NET_RAW"] };
    await using _worker = await site.start({ top: { cleanup: false }, docker: { security } });
    const { taskId } = await site.run({ more: { instance_shape: { vcpus: 0, memory_gb: -1 } } });
    const { HostConfig } = await site.containerOf(taskId);
    expect([HostConfig.NanoCpus, HostConfig.Memory, HostConfig.MemorySwap]).toEqual([0, 0, 0]);
    expect(HostConfig.SecurityOpt?.join()).toStartWith("no-new-privileges");
    expect(HostConfig.PidsLimit).toBe(99);
    expect(HostConfig.CapDrop?.map((name) => name.replace("CAP_", ""))).toEqual(["NET_RAW"]);
  });

  test("a task whose shape says nothing has the operator's limits, and his network and runtime", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const { DefaultRuntime } = (await site.api.ask("GET", "/info")) as { DefaultRuntime?: string };
    const docker = {
      network: "none",
      default_limits: { vcpus: 0.25, memory_gb: 0.25 },
      security: DefaultRuntime ? { runtime: DefaultRuntime } : {},
    };
    await using _worker = await site.start({ top: { cleanup: false }, docker });
    const { taskId, state } = await site.run({ more: { instance_shape: { vcpus: 0.5 } } });
    expect(state).toBe("completed");
    const { HostConfig } = await site.containerOf(taskId);
    expect([HostConfig.NanoCpus, HostConfig.Memory]).toEqual([5e8, 2 ** 28]);
    expect(HostConfig.NetworkMode).toBe("none");
    if (DefaultRuntime) expect(HostConfig.Runtime).toBe(DefaultRuntime);
  });

  test("a network that the engine does not have is told at the start", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start({ docker: { network: "no-such-network" }, connected: false });
    expect(await worker.exited).toBe(1);
    expect(worker.stderr).toContain('has no network "no-such-network"');
  });

  test("the image keeps its entrypoint, and marks tell whose container it is", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using worker = await site.start({ top: { cleanup: false, log_level: "debug" } });
    const { taskId, executionId } = await site.run({ image: "test/with-entrypoint:1", sh: "echo done" });
    const { Config, Name } = await site.containerOf(taskId);
    expect(Config.Entrypoint).toEqual(["/bin/entry"]);
    expect(Name).toStartWith("/oz-worker-");
    expect(Config.Labels).toMatchObject({
      "oz-worker-id": site.workerId,
      "oz-task-id": taskId,
      "oz-execution-id": executionId ?? "",
      "oz-instance": expect.stringMatching(/./),
    });
    await worker.waitForLog(/entry: \/agent\/entrypoint\.sh/);
  });

  test("the worker's key and environment reach no task", async () => {
    await using site = await DockerSite.create({ socket, registry });
    await using _worker = await site.start({ env: { OF_THE_WORKER: "secret" } });
    const { taskId } = await site.run({ sh: "env >/control/$TASK_ID.env" });
    const seen = await site.signOf(`${taskId}.env`);
    expect(seen).toContain(`TASK_ID=${taskId}`);
    expect(seen).not.toMatch(/WARP_API_KEY|test-key|OF_THE_WORKER|DOCKER_HOST/);
  });
});
