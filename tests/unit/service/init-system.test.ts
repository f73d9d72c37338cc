import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { turns } from "../../../src/async/wait.ts";
import { InitSystem, ServiceError } from "../../../src/service/init-system.ts";
import type { ServicePlan } from "../../../src/service/service-plan.ts";
import { planService } from "../../../src/service/service-plan.ts";
import { TempDir } from "../../support/temp-dir.ts";

const PLAN: ServicePlan = {
  program: "/usr/local/bin/oz-agent-worker",
  configFile: "/etc/oz-agent-worker/config.yaml",
  keyFile: null,
  user: "oz",
  backend: "direct",
  stopTimeoutSeconds: 40,
  stateDir: null,
  ownFolders: [],
  hasDockerGroup: true,
  keepAgents: false,
};
const UNIT = "etc/systemd/system/oz-agent-worker.service";

interface Rig {
  readonly dir: TempDir;
  readonly told: string[];
  /** Whether the unit was there, each time systemd was told to read all units again. */
  readonly read: boolean[];
  readonly system: InitSystem;
}

async function rig(platform = "linux", refuses: RegExp = /^$/): Promise<Rig> {
  const dir = await TempDir.create("init");
  const told: string[] = [];
  const read: boolean[] = [];
  let busy = false;
  const run = async (argv: readonly string[]) => {
    const line = argv.join(" ");
    if (busy) throw new Error(`Told in the middle of another: ${line}`);
    busy = true;
    told.push(line);
    if (line === "systemctl daemon-reload") read.push(existsSync(dir.join(UNIT)));
    await turns(1);
    busy = false;
    return refuses.test(line) ? 1 : 0;
  };
  for (const sign of ["run/systemd/system", "Library/LaunchDaemons"])
    await mkdir(dir.join(sign), { recursive: true });
  return { dir, told, read, system: new InitSystem(platform, run, dir.path) };
}

describe("installing a service", () => {
  test("makes the user, writes the unit whole, and starts it", async () => {
    const { dir, told, read, system } = await rig("linux", /^id /);
    await using _ = dir;
    await system.install(PLAN);
    expect(await readFile(dir.join(UNIT), "utf8")).toContain("User=oz");
    expect((await stat(dir.join(UNIT))).mode & 0o777).toBe(0o644);
    expect(await readdir(dir.join("etc/systemd/system"))).toHaveLength(1);
    expect(told[1]).toStartWith("useradd --system --home-dir /var/lib/oz-agent-worker");
    expect(told.slice(2)).toEqual([
      "systemctl daemon-reload",
      "systemctl enable oz-agent-worker",
      "systemctl restart oz-agent-worker",
    ]);
    expect(read).toEqual([true]);
  });

  test("a user who is there already stays as they are", async () => {
    const { dir, told, system } = await rig();
    await using _ = dir;
    await system.install(PLAN);
    expect(told.filter((line) => line.startsWith("useradd"))).toEqual([]);
  });

  test("folders that the worker could not make are made for its user, and those that are there left alone", async () => {
    const { dir, told, system } = await rig();
    await using _ = dir;
    await mkdir(dir.join("srv/workspaces"), { recursive: true });
    await system.install({ ...PLAN, ownFolders: ["/srv/state", "/srv/workspaces"] });
    const made = told.filter((line) => line.startsWith("install "));
    expect(made).toEqual([`install -d -m 0700 -o oz ${dir.join("srv/state")}`]);
  });

  test("anew tells systemd as the first time", async () => {
    const { dir, told, system } = await rig();
    await using _ = dir;
    await system.install(PLAN);
    const first = told.splice(0);
    await system.install(PLAN);
    expect(told).toEqual(first);
  });

  test("what the manager refuses is an error that names it", async () => {
    const { dir, system } = await rig("linux", /enable/);
    await using _ = dir;
    await expect(system.install(PLAN)).rejects.toThrow(
      '"systemctl enable oz-agent-worker" ended with status 1',
    );
  });

  test("where no systemd runs nothing is written, and the way out is told", async () => {
    await using dir = await TempDir.create("init");
    const system = new InitSystem("linux", async () => 0, dir.path);
    await expect(system.install(PLAN)).rejects.toThrow(/No systemd runs here .*--print/);
    expect(existsSync(dir.join("etc"))).toBe(false);
  });

  test("Windows is refused with a sentence", () => {
    expect(() => new InitSystem("win32", async () => 0)).toThrow(ServiceError);
  });

  test("on macOS the user has to be there, and launchd is told", async () => {
    const without = await rig("darwin", /^id /);
    await using _ = without.dir;
    await expect(without.system.install(PLAN)).rejects.toThrow("There is no user oz");
    const { dir, told, system } = await rig("darwin");
    await using __ = dir;
    await mkdir(dir.join("var/lib/oz-agent-worker"), { recursive: true });
    await system.install(PLAN);
    const bootstrap = "launchctl bootstrap system /Library/LaunchDaemons/oz-agent-worker.plist";
    expect(told).toEqual(["id -u oz", bootstrap]);
    // It takes a job once: the one that is there goes first.
    await system.install(PLAN);
    expect(told.slice(2)).toEqual(["id -u oz", "launchctl bootout system/oz-agent-worker", bootstrap]);
  });

  // launchd makes no folder, and the worker's user can make none there: every crash lost what was in memory.
  test.each([
    [null, ["var/lib/oz-agent-worker", "srv/workspaces"]],
    ["/srv/state", ["srv/state", "srv/workspaces"]],
  ] as const)(
    "on macOS the state folder is made before the start, with state_dir %p",
    async (stateDir, made) => {
      const { dir, told, system } = await rig("darwin");
      await using _ = dir;
      const ownFolders = [...(stateDir === null ? [] : [stateDir]), "/srv/workspaces"];
      await system.install({ ...PLAN, stateDir, ownFolders });
      expect(told.slice(1, -1)).toEqual(made.map((path) => `install -d -m 0700 -o oz ${dir.join(path)}`));
    },
  );
});

describe("uninstalling a service", () => {
  test("stops it, and removes the unit and nothing else", async () => {
    const { dir, told, read, system } = await rig();
    await using _ = dir;
    await dir.write("etc/systemd/system/other.service", "");
    await system.install(PLAN);
    told.length = 0;
    expect(await system.uninstall()).toBe(true);
    expect(told).toEqual(["systemctl disable --now oz-agent-worker", "systemctl daemon-reload"]);
    expect(read).toEqual([true, false]);
    expect(await readdir(dir.join("etc/systemd/system"))).toEqual(["other.service"]);
  });

  test("a unit that cannot be stopped stays", async () => {
    const { dir, system } = await rig("linux", /disable/);
    await using _ = dir;
    await dir.write(UNIT, "");
    await expect(system.uninstall()).rejects.toThrow(ServiceError);
    expect(existsSync(dir.join(UNIT))).toBe(true);
  });

  test("what is not there is no failure", async () => {
    const { dir, told, system } = await rig();
    await using _ = dir;
    expect(await system.uninstall()).toBe(false);
    expect(told).toEqual([]);
  });
});

test("the time to stop follows the configuration", () => {
  const backend = { kind: "docker", volumes: [], environment: [] } as const;
  const options = {
    program: "p",
    configFile: "c",
    keyFile: null,
    user: "u",
    keepAgents: false,
    hasDockerGroup: true,
  };
  const settings = {
    backend,
    drainTimeoutMs: 7_200_000,
    shutdownTimeoutMs: 90_500,
    stateDir: "/srv/state",
  } as unknown as Parameters<typeof planService>[0];
  expect(planService(settings, options).stopTimeoutSeconds).toBe(7_311);
  expect(planService(settings, options).stateDir).toBe("/srv/state");
  expect(planService(settings, options).ownFolders).toEqual(["/srv/state"]);
});

test.each([
  [null, null, ["/srv/workspaces"]],
  ["/home/oz/repo", null, []],
  ["/home/oz/repo", "/var/log/oz", ["/var/log/oz"]],
])(
  "with the target folder %p and the logs in %p the folders %p are the worker's own",
  (targetDir, logDir, own) => {
    const backend = { kind: "direct", workspaceRoot: "/srv/workspaces", targetDir, logDir } as const;
    const settings = {
      backend,
      drainTimeoutMs: 0,
      shutdownTimeoutMs: 0,
      stateDir: "/var/lib/oz-agent-worker",
    } as unknown as Parameters<typeof planService>[0];
    const { backend: _backend, stopTimeoutSeconds: _seconds, ...options } = PLAN;
    const plan = planService(settings, options);
    expect([plan.ownFolders, plan.stateDir]).toEqual([own, null]);
  },
);
