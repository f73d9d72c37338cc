/**
 * The unit under a real systemd, which is the first process of namespaces of its own: it sees this host's
 * programs, and its units, its /run, its /var/lib and its users are the test's.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { ControlPlane } from "../../src/dev/control-plane.ts";
import { assignment } from "../support/assignments.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { TEST_API_KEY, workerCommand } from "../support/worker-process.ts";

const SYSTEMD = "/lib/systemd/systemd";
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
    await chmod(dir.path, 0o755);
    await using plane = await ControlPlane.start({ apiKey: TEST_API_KEY });
    await prepare(dir, plane.webSocketUrl);
    const systemd = Bun.spawn(
      ["unshare", "-m", "-p", "-f", "-C", "-u", "-i", "--kill-child", "sh", dir.join("start")],
      {
        stdio: ["ignore", "ignore", "ignore"],
      },
    );
    try {
      const sent = assignment();
      plane.submit(sent);
      const wait = { timeoutMs: 30_000 };
      const task = await plane.waitForTask(sent.task_id, [], wait);
      expect([task.state, task.message]).toEqual(["completed", "Task completed successfully"]);
      const [pid = 0] = await childrenOf(systemd.pid);
      const stop = Bun.spawn([
        "nsenter",
        "-t",
        String(pid),
        "-m",
        "-p",
        "systemctl",
        "stop",
        "oz-agent-worker",
      ]);
      expect(await within(stop.exited, "systemctl stop", 30_000)).toBe(0);
      const log = await eventually(async () => {
        const text = await readFile(dir.join("log"), "utf8");
        return /ended: success exited 0/.test(text) ? text : null;
      }, "the end of the worker");
      expect(log).toContain(`agent of ${USER} in /var/lib/oz/workspaces/${sent.task_id}`);
      expect(log).toContain("stopping;");
      const owner = Bun.spawnSync(["stat", "-c", "%u %a", dir.join("lib/oz-agent-worker")]);
      expect(owner.stdout.toString().trim()).toBe(`${USER} 700`);
    } finally {
      systemd.kill("SIGKILL");
      await systemd.exited;
    }
  }, 90_000);
});

async function prepare(dir: TempDir, webSocketUrl: string): Promise<void> {
  await dir.write("agent", '#!/bin/sh\necho "agent of $(id -u) in $PWD"\n', 0o755);
  const direct = { workspace_root: "/var/lib/oz/workspaces", oz_path: dir.join("agent") };
  const config = await dir.write("config.yaml", JSON.stringify({ worker_id: "w", backend: { direct } }));
  const key = await dir.write("key", `${TEST_API_KEY}\n`, 0o600);
  await dir.write("passwd", `${await readFile("/etc/passwd", "utf8")}ozt:x:${USER}:${USER}::/:/bin/false\n`);
  await dir.write("group", `${await readFile("/etc/group", "utf8")}ozt:x:${USER}:\n`);
  await mkdir(dir.join("lib"));
  const [executable = ""] = workerCommand();
  const program = await dir.write("oz-agent-worker", await readFile(executable), 0o755);
  const args = ["--print", "--config-file", config, "--api-key-file", key, "--user", "ozt"];
  const printed = Bun.spawnSync([program, "service", "install", ...args]);
  const unit = printed.stdout.toString();
  const start = /^ExecStart=(.*)$/m.exec(unit)?.[1];
  await dir.write("units/oz-agent-worker.service", unit);
  const log = dir.join("log");
  await dir.write(
    "units/oz-agent-worker.service.d/test.conf",
    [
      ...["[Service]", "ExecStart=", `ExecStart=${start} --web-socket-url ${webSocketUrl}`, "Restart=no"],
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
}

function startScript(dir: string): string {
  return `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock
mount -t proc proc /proc
mount --bind ${dir}/lib /var/lib
mount --bind ${dir}/passwd /etc/passwd
mount --bind ${dir}/group /etc/group
# As a real first process has it: else what systemd mounts for a service does not reach it.
mount --make-rshared /
exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=${dir}/units ${SYSTEMD} --system --unit=multi-user.target
`;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").map(Number);
}
