/**
 * The unit under a real systemd, which is the first process of namespaces of its own: it sees this host's
 * programs, and its units, its /run, its /var/lib and its users are the test's.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { appendFile, chmod, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { ServiceFolder } from "../../scripts/services/service-folder.ts";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import type { Run } from "../support/installer.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { TEST_API_KEY, workerCommand } from "../support/worker-process.ts";

const SYSTEMD = "/lib/systemd/systemd";
const UNIT = "/etc/systemd/system/oz-agent-worker.service";
const USER = 4321;
const allowed = process.env["CI"] === "true" || process.env["OZ_TEST_INSTALL"] === "1";
// Where one runs already, the second would meddle with the control groups of the first.
const alone = existsSync(SYSTEMD) && !existsSync("/run/systemd/system");
const here = allowed && alone && process.getuid?.() === 0 && Bun.which("unshare") !== null;
if (!here)
  process.stderr.write(
    "skip  a real systemd: it needs root, one that is installed and does not run, and CI=true or OZ_TEST_INSTALL=1\n",
  );

describe.if(here)("under a real systemd", () => {
  test("the service has its key and its folders, runs a task as its own user, and stops gently", async () => {
    await using dir = await TempDir.create("systemd");
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    const { program, args } = await prepare(dir, plane.webSocketUrl);
    const printed = Bun.spawnSync([program, "service", "install", "--print", ...args]);
    await dir.write("units/oz-agent-worker.service", printed.stdout);
    const systemd = await Systemd.start(dir);
    try {
      const sent = assignment();
      plane.submit(sent);
      const wait = { timeoutMs: 30_000 };
      const task = await plane.waitForTask(sent.task_id, [], wait);
      expect([task.state, task.message]).toEqual(["completed", "Task completed successfully"]);
      const statusText = ["show", "-p", "StatusText", "--value", "oz-agent-worker"];
      await eventually(
        async () => (await systemd.run("systemctl", ...statusText)).stdout === "connected; 0 tasks\n",
        "systemd to have been told how the worker is",
      );
      expect(await systemd.run("systemctl", "stop", "oz-agent-worker")).toMatchObject({ status: 0 });
      const log = await eventually(async () => {
        const text = await readFile(dir.join("log"), "utf8");
        return /ended: success exited 0/.test(text) ? text : null;
      }, "the end of the worker");
      expect(log).toContain(`agent of ${USER} in /var/lib/oz/workspaces/${sent.task_id}`);
      expect(log).toContain("stopping;");
      const owner = Bun.spawnSync(["stat", "-c", "%u %a", dir.join("lib/oz-agent-worker")]);
      expect(owner.stdout.toString().trim()).toBe(`${USER} 700`);
      // It lay in the folder of the workspaces, which comes first by name.
      expect(existsSync(dir.join("lib/oz-agent-worker/w/slot-0.db"))).toBe(true);
      expect(await readdir(dir.join("lib/oz/workspaces"))).toEqual([]);
    } finally {
      await systemd.kill();
    }
  }, 90_000);

  test("service install makes user and unit and starts it, status tells, and uninstall takes it away", async () => {
    await using dir = await TempDir.create("systemd");
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    const { program, args } = await prepare(dir, plane.webSocketUrl);
    const systemd = await Systemd.start(dir);
    const service = (...words: readonly string[]) => systemd.run(program, "service", ...words);
    try {
      const installed = await service("install", ...args, "--user", "oz-new-user");
      expect(installed).toMatchObject({
        status: 0,
        stdout: expect.stringContaining(`Installed and started ${UNIT}`),
      });
      const sent = assignment();
      plane.submit(sent);
      const task = await plane.waitForTask(sent.task_id, [], { timeoutMs: 30_000 });
      expect(task.message).toBe("Task completed successfully");
      const status = await service("status");
      expect(status.stdout).toContain("active (running)");
      expect(status.stdout).toContain("enabled");
      expect(status.status).toBe(0);
      const removed = await service("uninstall");
      expect(removed.stdout).toContain("its user, state and configuration stay");
      expect(removed.status).toBe(0);
      expect(existsSync(dir.join(UNIT))).toBe(false);
      expect(await readFile(dir.join("etc/passwd"), "utf8")).toMatch(/^oz-new-user:/m);
      expect((await systemd.run("id", "-u", "oz-new-user")).status).toBe(0);
      expect(await readFile(dir.join("log"), "utf8")).toContain("ended: success exited 0");
      expect(await service("status")).toMatchObject({ status: 4 });
    } finally {
      await systemd.kill();
    }
  }, 90_000);
});

test.if(here)(
  "under a real systemd that waits for its word and watches it, it lives as long as it moves",
  async () => {
    await using dir = await TempDir.create("systemd");
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    const { program, args } = await prepare(dir, plane.webSocketUrl);
    const printed = Bun.spawnSync([program, "service", "install", "--print", ...args]);
    await dir.write("units/oz-agent-worker.service", printed.stdout);
    const watched = "[Service]\nType=notify\nWatchdogSec=1\n";
    await dir.write("units/oz-agent-worker.service.d/watched.conf", watched);
    // Longer than systemd waits for a sign of life.
    await dir.write("agent", "#!/bin/sh\nsleep 2\n", 0o755);
    const systemd = await Systemd.start(dir);
    try {
      const sent = assignment();
      plane.submit(sent);
      const task = await plane.waitForTask(sent.task_id, [], { timeoutMs: 30_000 });
      expect(task.state).toBe("completed");
      // It is active from its word on: before that it is "activating".
      expect((await systemd.run("systemctl", "is-active", "oz-agent-worker")).stdout).toBe("active\n");
      await systemd.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "oz-agent-worker");
      await eventually(
        async () => /ended: watchdog /.test(await readFile(dir.join("log"), "utf8")),
        "systemd to have ended what stands still",
      );
    } finally {
      await systemd.kill();
    }
  },
  90_000,
);

test.if(here)(
  "under a real systemd, asked to drain as docs/operations.md has it, it leaves when its task has ended, and stays away",
  async () => {
    await using dir = await TempDir.create("systemd");
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    const { program, args } = await prepare(dir, plane.webSocketUrl);
    const printed = Bun.spawnSync([program, "service", "install", "--print", ...args]);
    await dir.write("units/oz-agent-worker.service", printed.stdout);
    await dir.write("units/oz-agent-worker.service.d/test2.conf", "[Service]\nRestart=on-failure\n");
    await dir.write("agent", '#!/bin/sh\nwhile [ ! -e "$0-may-end" ]; do sleep 0.1; done\n', 0o755);
    const systemd = await Systemd.start(dir);
    const isActive = () => systemd.run("systemctl", "is-active", "oz-agent-worker");
    const log = () => readFile(dir.join("log"), "utf8");
    try {
      const sent = assignment();
      plane.submit(sent);
      await plane.waitForTask(sent.task_id, ["claimed"], { timeoutMs: 30_000 });
      const drain = 'kill -QUIT "$(systemctl show --value --property=MainPID oz-agent-worker)"';
      expect(await systemd.run("sh", "-c", drain)).toMatchObject({ status: 0 });
      await eventually(async () => (await log()).includes("taking no more tasks"), "the drain");
      expect((await isActive()).stdout).toBe("active\n");
      await dir.write("agent-may-end", "");
      const task = await plane.waitForTask(sent.task_id, [], { timeoutMs: 30_000 });
      expect(task.state).toBe("completed");
      await eventually(async () => /ended: success exited 0/.test(await log()), "the end of the worker");
      await eventually(async () => (await isActive()).stdout === "inactive\n", "the service to be over");
    } finally {
      await systemd.kill();
    }
  },
  90_000,
);

// systemd starts nothing that names a folder or a group which is not there: 226/NAMESPACE, 216/GROUP.
describe.if(here)("under a real systemd, on a host where nothing was made for it", () => {
  test.each([
    ["a state folder of its own choice", { state_dir: "/var/lib/oz/state" }],
    ["Docker without its group", { backend: { docker: {} } }],
  ] as const)(
    "the worker itself starts, with %s",
    async (_name, more) => {
      await using dir = await TempDir.create("systemd");
      await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
      const { program, args } = await prepare(dir, plane.webSocketUrl, more);
      const systemd = await Systemd.start(dir);
      try {
        await systemd.run(program, "service", "install", ...args);
        const log = await eventually(async () => {
          const text = await readFile(dir.join("log"), "utf8").catch(() => "");
          return /worker ready|Cannot use the container engine|ended: /.test(text) ? text : null;
        }, "the worker's first words");
        expect(log).toMatch(/worker ready|Cannot use the container engine/);
        expect(log).not.toContain("state folder cannot be used");
      } finally {
        await systemd.kill();
      }
    },
    60_000,
  );
});

/**
 * `sh -c APART SCRIPT CGROUP`: the script is the first process of namespaces of its own. Its control groups are its own
 * too: systemd makes some below the root that it sees, and removes all empty ones there, an engine's as well that has no
 * container just then.
 */
const APART = `set -e
hierarchies=/sys/fs/cgroup
[ -e /sys/fs/cgroup/cgroup.controllers ] || hierarchies=$(echo /sys/fs/cgroup/*)
for hierarchy in $hierarchies; do
  mountpoint -q "$hierarchy" || continue
  mkdir "$hierarchy$1"
  # Of one hierarchy no process can be in a group before it has both.
  for file in cpuset.cpus cpuset.mems; do
    [ ! -e "$hierarchy/$file" ] || [ ! -e "$hierarchy$1/$file" ] || cat "$hierarchy/$file" >"$hierarchy$1/$file"
  done
  echo $$ >"$hierarchy$1/cgroup.procs"
done
exec unshare -m -p -f -C -u -i --kill-child sh "$0" "$1" $hierarchies
`;

class Systemd {
  readonly #process: Bun.Subprocess;
  readonly #service: ServiceFolder;

  private constructor(process: Bun.Subprocess, service: ServiceFolder) {
    this.#process = process;
    this.#service = service;
  }

  /** Until it answers. */
  static async start(dir: TempDir): Promise<Systemd> {
    const service = await ServiceFolder.claim("systemd");
    const argv = ["sh", "-c", APART, dir.join("start"), service.cgroup];
    const systemd = new Systemd(Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] }), service);
    await eventually(async () => {
      const [pid] = await childrenOf(systemd.#process.pid);
      if (pid === undefined) return false;
      const { stdout } = await systemd.run("systemctl", "is-active", "multi-user.target");
      return stdout === "active\n";
    }, "systemd to have started");
    return systemd;
  }

  /** Beside it, where its files and its processes are. */
  async run(...argv: readonly string[]): Promise<Run> {
    const [pid = 0] = await childrenOf(this.#process.pid);
    const child = Bun.spawn(["nsenter", "-t", String(pid), "-m", "-p", ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    const [status, stdout, stderr] = await within(said, argv.join(" "), 30_000);
    return { status, stdout, stderr };
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    await this.#service.remove();
  }
}

interface Prepared {
  readonly program: string;
  /** Of `service install`. */
  readonly args: readonly string[];
}

/** @param more of the configuration, in place of what the Direct backend has here */
async function prepare(dir: TempDir, webSocketUrl: string, more: object = {}): Promise<Prepared> {
  await chmod(dir.path, 0o755);
  await dir.write("agent", '#!/bin/sh\necho "agent of $(id -u) in $PWD"\n', 0o755);
  const direct = { workspace_root: "/var/lib/oz/workspaces", oz_path: dir.join("agent") };
  const config = await dir.write(
    "config.yaml",
    JSON.stringify({ worker_id: "w", backend: { direct }, ...more }),
  );
  const key = await dir.write("key", `${TEST_API_KEY}\n`, 0o600);
  // Whole, because who adds a user puts new files in the place of the old ones.
  await cp("/etc", dir.join("etc"), { recursive: true, verbatimSymlinks: true });
  await appendFile(dir.join("etc/passwd"), `ozt:x:${USER}:${USER}::/:/bin/false\n`);
  await appendFile(dir.join("etc/group"), `ozt:x:${USER}:\n`);
  await mkdir(dir.join("lib"));
  const [executable = ""] = workerCommand();
  const program = await dir.write("oz-agent-worker", await readFile(executable), 0o755);
  const args = ["--config-file", config, "--api-key-file", key, "--user", "ozt"];
  const start = `${program} --config-file ${config} --api-key-file \${CREDENTIALS_DIRECTORY}/api-key`;
  const log = dir.join("log");
  await dir.write(
    "units/oz-agent-worker.service.d/test.conf",
    [
      ...["[Service]", "ExecStart=", `ExecStart=${start} --web-socket-url ${webSocketUrl}`, "Restart=no"],
      // Program and configuration lie there.
      "PrivateTmp=no",
      ...[`StandardOutput=append:${log}`, `StandardError=append:${log}`],
      `ExecStopPost=+/bin/sh -c "echo ended: $SERVICE_RESULT $EXIT_CODE $EXIT_STATUS >>${log}"\n`,
    ].join("\n"),
  );
  for (const name of ["sysinit", "basic", "shutdown", "network-online"]) {
    await dir.write(`units/${name}.target`, "[Unit]\nDefaultDependencies=no\n");
  }
  await dir.write(
    "units/multi-user.target",
    "[Unit]\nDefaultDependencies=no\nWants=oz-agent-worker.service\n",
  );
  await writeFile(dir.join("start"), startScript(dir.path));
  return { program, args };
}

function startScript(dir: string): string {
  return `set -e
mount --make-rprivate /
cgroup=$1
shift
for hierarchy; do
  [ ! -d "$hierarchy$cgroup" ] || mount --bind "$hierarchy$cgroup" "$hierarchy"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock
mount -t proc proc /proc
mount --bind ${dir}/lib /var/lib
mount --bind ${dir}/etc /etc
# As a real first process has it: else what systemd mounts for a service does not reach it.
mount --make-rshared /
exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=${dir}/units:/etc/systemd/system ${SYSTEMD} --system --unit=multi-user.target
`;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}
