/** `install.sh --uninstall`: the program goes, and what is the operator's stays until they say so. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { ForeignRoot, whyNoForeignRoot } from "../support/foreign-root.ts";
import { installerText, runInstaller } from "../support/installer.ts";
import { programThatSays } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const PROGRAM = programThatSays("0.0.1");

describe("uninstalling", () => {
  test.each([
    [[], { program: false, state: true, config: true }],
    [["--purge"], { program: false, state: false, config: false }],
    [["--purge", "--dry-run"], { program: true, state: true, config: true }],
  ])("with %j leaves %j, and what is not ours", async (more, left) => {
    await using dir = await TempDir.create("install");
    await dir.write("bin/oz-agent-worker", PROGRAM, 0o755);
    await dir.write("bin/other", "");
    await dir.write("state/oz-agent-worker/w/slot-0.db", "");
    await dir.write("state/other/x", "");
    await dir.write("config/oz-agent-worker/config.yaml", "");
    await dir.write("config/other/x", "");
    const env = {
      OZ_WORKER_INSTALL_DIR: dir.join("bin"),
      // Whoever is root would have their own removed.
      OZ_WORKER_STATE_DIR: dir.join("state/oz-agent-worker"),
      OZ_WORKER_CONFIG_DIR: dir.join("config/oz-agent-worker"),
    };
    const run = await runInstaller({ dir, env, args: ["--uninstall", ...more] });
    expect(run).toMatchObject({ status: 0 });
    const names = (ours: boolean) => (ours ? ["other", "oz-agent-worker"] : ["other"]);
    expect((await readdir(dir.join("bin"))).sort()).toEqual(names(left.program));
    expect((await readdir(dir.join("state"))).sort()).toEqual(names(left.state));
    expect((await readdir(dir.join("config"))).sort()).toEqual(names(left.config));
  });

  test("looks for the state where the program keeps it", async () => {
    await using dir = await TempDir.create("install");
    await dir.write("state/oz-agent-worker/w/slot-0.db", "");
    const env = { OZ_WORKER_INSTALL_DIR: dir.join("bin"), XDG_STATE_HOME: dir.join("state") };
    const run = await runInstaller({ dir, env, args: ["--uninstall"] });
    expect(run.stderr).toContain(`kept ${dir.join("state/oz-agent-worker")} (--purge removes it)`);
  });

  test("what is not there is said, and is no failure", async () => {
    await using dir = await TempDir.create("install");
    const env = { OZ_WORKER_INSTALL_DIR: dir.join("bin"), XDG_STATE_HOME: dir.join("state") };
    const run = await runInstaller({ dir, env, args: ["--uninstall"] });
    expect(run).toMatchObject({ status: 0 });
    expect(run.stderr).toContain(`there is no ${dir.join("bin/oz-agent-worker")}`);
  });
});

const needs = whyNoForeignRoot();
if (needs !== null) process.stderr.write(`skip  uninstalling as root: it needs ${needs}\n`);

describe.if(needs === null)("uninstalling as root", () => {
  const UNIT = "etc/systemd/system/oz-agent-worker.service";

  async function installed(): Promise<ForeignRoot> {
    const root = await ForeignRoot.musl({ libraries: false });
    await root.dir.write("usr/local/bin/oz-agent-worker", PROGRAM, 0o755);
    await root.dir.write("etc/oz-agent-worker/config.yaml", "");
    await root.dir.write("var/lib/oz/state/w/slot-0.db", "");
    await root.dir.write("var/lib/oz-agent-worker/w/slot-0.db", "");
    return root;
  }

  const uninstall = (root: ForeignRoot, ...more: readonly string[]) =>
    root.run(["sh", "-c", installerText(), "sh", "--uninstall", ...more]);

  test("is refused while there is a service, and the way is told", async () => {
    await using root = await installed();
    await root.dir.write(UNIT, "");
    const refused = await uninstall(root, "--purge");
    expect(refused.stderr).toContain('take it away first with "oz-agent-worker service uninstall"');
    expect(refused.status).toBe(1);
    for (const left of ["usr/local/bin/oz-agent-worker", "etc/oz-agent-worker", "var/lib/oz-agent-worker"])
      expect(existsSync(root.dir.join(left))).toBe(true);
  });

  // The state of a service stayed behind: it is not where a worker that root starts by hand has its own.
  test("with --purge takes the service's state and the configuration, too", async () => {
    await using root = await installed();
    const run = await uninstall(root, "--purge");
    expect(run.status).toBe(0);
    expect(await readdir(root.dir.join("var/lib"))).toEqual(["oz"]);
    expect(await readdir(root.dir.join("var/lib/oz"))).toEqual([]);
    expect(existsSync(root.dir.join("etc/oz-agent-worker"))).toBe(false);
    expect(await readdir(root.dir.join("usr/local/bin"))).toEqual([]);
  });
});
