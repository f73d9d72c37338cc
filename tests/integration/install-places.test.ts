import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmod, chown, copyFile, mkdir, readdir, readFile, readlink, symlink } from "node:fs/promises";
import { type RunOptions, runInstaller, SURROUNDINGS } from "../support/installer.ts";
import { programThatSays, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";
import { mountTmpfs } from "../support/tmpfs.ts";
import { eventually } from "../support/wait.ts";

const OLD = programThatSays("0.0.1");
const MEGABYTE = 1_000_000;
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe.if(isRoot)("as root: install.sh says what is wrong, and keeps the old program,", () => {
  // Random, so that the archive is as large as what is in it.
  const program = Buffer.concat([Buffer.from(`${programThatSays("9.9.9")}exit\n`), randomBytes(MEGABYTE)]);

  test.each(
    SURROUNDINGS.flatMap(
      (one) =>
        [
          [
            "cannot even be downloaded to",
            one.name,
            0.5 * MEGABYTE,
            /cannot download .*a full disk shows here/,
            one,
          ],
          ["has room for the archive only", one.name, 1.5 * MEGABYTE, /cannot unpack .* full\?/, one],
        ] as const,
    ),
  )("when the disk %s, under %s", async (_disk, _name, sizeBytes, says, surroundings) => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start({ program });
    await using disk = await mountTmpfs(dir, "bin", sizeBytes);
    await dir.write("bin/oz-agent-worker", OLD, 0o755);
    const run = await install({ dir, in: surroundings }, server, disk.path);
    expect(run.stderr).toMatch(says);
    expect(run.status).toBe(1);
    expect(await readdir(disk.path)).toEqual(["oz-agent-worker"]);
    expect(await readFile(`${disk.path}/oz-agent-worker`, "utf8")).toBe(OLD);
  });

  test("when there is room for the program, once the archive is gone", async () => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start({ program });
    await using disk = await mountTmpfs(dir, "bin", 2.1 * MEGABYTE);
    expect(await install({ dir }, server, disk.path)).toMatchObject({ status: 0 });
  });

  test("when the folder is read-only", async () => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start();
    await using disk = await mountTmpfs(dir, "bin", MEGABYTE);
    await dir.write("bin/oz-agent-worker", OLD, 0o755);
    expect(Bun.spawnSync(["mount", "-o", "remount,ro", disk.path]).exitCode).toBe(0);
    const run = await install({ dir }, server, disk.path);
    expect(run.stderr).toContain(`cannot write to ${disk.path} (read-only, or another user's`);
    expect(run.status).toBe(1);
    expect(server.requests).toEqual([]);
    expect(await readFile(`${disk.path}/oz-agent-worker`, "utf8")).toBe(OLD);
  });

  test("when the folder is another user's", async () => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start();
    await chmod(dir.path, 0o755);
    await mkdir(dir.join("bin"), { mode: 0o755 });
    const run = await install({ dir, under: asNobody() }, server, dir.join("bin"));
    expect(run.stderr).toContain("set OZ_WORKER_INSTALL_DIR to a folder that you can write, or run as root");
    expect(run.status).toBe(1);
  });

  test("or, for a user who is not root and names no folder, installs below the home folder", async () => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start();
    await chmod(dir.path, 0o755);
    await mkdir(dir.join("home"));
    await chown(dir.join("home"), NOBODY, NOBODY);
    const run = await install({ dir, under: asNobody() }, server, "");
    expect(run).toMatchObject({ status: 0 });
    expect(await readdir(dir.join("home/.local/bin"))).toEqual(["oz-agent-worker"]);
  });
});

test("a program that runs is replaced, and goes on with the file that it was started from", async () => {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start();
  const program = dir.join("bin/oz-agent-worker");
  await mkdir(dir.join("bin"));
  await copyFile(Bun.which("sleep") ?? "", program);
  await chmod(program, 0o755);
  const running = Bun.spawn([program, "60"]);
  try {
    await eventually(async () => (await readlink(`/proc/${running.pid}/exe`)) === program, "its start");
    const run = await install({ dir }, server, dir.join("bin"));
    expect(run).toMatchObject({ status: 0 });
    expect(run.stderr).toContain("keeps the old one until it is restarted");
    expect(await readFile(program, "utf8")).toBe(programThatSays("9.9.9"));
    expect(await readlink(`/proc/${running.pid}/exe`)).toBe(`${program} (deleted)`);
  } finally {
    running.kill("SIGKILL");
    await running.exited;
  }
});

test("a link in the place of the program is replaced, and what it leads to stays", async () => {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start();
  await dir.write("elsewhere", OLD, 0o755);
  await mkdir(dir.join("bin"));
  await symlink(dir.join("elsewhere"), dir.join("bin/oz-agent-worker"));
  const run = await install({ dir }, server, dir.join("bin"));
  expect(run).toMatchObject({ status: 0 });
  expect(run.stderr).toContain("it replaces oz-agent-worker 0.0.1");
  expect(await readFile(dir.join("elsewhere"), "utf8")).toBe(OLD);
});

test("a folder in the place of the program is told, and nothing is put into it", async () => {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start();
  await mkdir(dir.join("bin/oz-agent-worker"), { recursive: true });
  const run = await install({ dir }, server, dir.join("bin"));
  expect(run.stderr).toContain("is a folder: move it away");
  expect(await readdir(dir.join("bin/oz-agent-worker"))).toEqual([]);
});

test("an installation that is interrupted leaves nothing behind", async () => {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start();
  const asked = Promise.withResolvers<void>();
  server.lieAbout(".tar.gz", () => {
    asked.resolve();
    return true;
  });
  const stop = new AbortController();
  const running = install({ dir, stopGroup: stop.signal }, server, dir.join("bin"));
  await asked.promise;
  stop.abort();
  expect((await running).status).not.toBe(0);
  await eventually(async () => (await readdir(dir.join("bin"))).length === 0, "the staging folder to go");
});

function install(options: RunOptions, server: ReleaseServer, bin: string) {
  return runInstaller({
    ...options,
    env: { OZ_WORKER_BASE_URL: server.url, OZ_WORKER_INSTALL_DIR: bin },
  });
}

function asNobody(): readonly string[] {
  return [Bun.which("setpriv") ?? "", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
}
