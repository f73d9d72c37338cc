/** The executables for other systems than this one: for arm64 by qemu, and for musl in a root folder of its own. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ForeignRoot, whyNoForeignRoot } from "../support/foreign-root.ts";
import { installerText } from "../support/installer.ts";
import { instead, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const ROOT = resolve(import.meta.dir, "../..");
const MUSL = "oz-agent-worker-linux-x64-musl.tar.gz";
const needs = whyNoForeignRoot();
if (needs !== null) process.stderr.write(`skip  executables for arm64 and for musl: they need ${needs}\n`);

describe.if(needs === null)("the executable for arm64", () => {
  test("says what it is, reads a config file, and takes a task from claim to result", async () => {
    await using root = await ForeignRoot.arm64();
    const program = root.dir.join("bin/oz-agent-worker");
    build("--target", "bun-linux-arm64", "--outfile", program);
    expect(await root.run(["oz-agent-worker", "version"])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("linux arm64"),
    });
    await root.dir.write("etc/wrong.yaml", "worker_ids: w\n");
    const refused = await root.run(["oz-agent-worker", "--config-file", "/etc/wrong.yaml"]);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("worker_ids");
    // What the kernel says is running is qemu: a program that started that again got no worker, and no word.
    const task = await root.runTask("/bin/oz-agent-worker");
    expect(task.stdout).toMatch(/^agent in \/tmp\/workspaces\//m);
    expect(task.stdout).toMatch(/completed "Say where you are"/);
    expect(task.status).toBe(0);
  }, 180_000);
});

describe.if(needs === null)("from curl to running, where the C library is musl's:", () => {
  let dir: TempDir;
  let server: ReleaseServer;

  beforeAll(async () => {
    dir = await TempDir.create("musl");
    build("--all", "--outdir", dir.join("release"), "--only", "linux-x64-musl", "--level", "1");
    server = await ReleaseServer.start({ targets: [] });
    for (const name of ["SHA256SUMS", MUSL, "install.sh"]) {
      server.lieAbout(name, instead(200, {}, await readFile(dir.join("release", name))));
    }
  }, 180_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const install = (root: ForeignRoot, env: Readonly<Record<string, string>> = {}) =>
    root.run(["sh", "-c", 'wget -q -O - "$OZ_WORKER_BASE_URL/latest/download/install.sh" | sh'], {
      OZ_WORKER_BASE_URL: server.url,
      ...env,
    });

  test("the installer takes the right executable, which takes a task from claim to result", async () => {
    await using root = await ForeignRoot.musl({ libraries: true });
    const installed = await install(root);
    expect(installed.stderr).toContain(`/${MUSL}`);
    expect(installed.stderr).toMatch(/installed \/usr\/local\/bin\/oz-agent-worker: .* linux x64\)/);
    expect(installed.status).toBe(0);
    const task = await root.runTask("oz-agent-worker");
    expect(task.stdout).toMatch(/^agent in \/tmp\/workspaces\//m);
    expect(task.stdout).toMatch(/completed "Say where you are"/);
    expect(task.status).toBe(0);
  }, 60_000);

  test("without the C++ libraries the installer says which, before it downloads anything", async () => {
    await using root = await ForeignRoot.musl({ libraries: false });
    await root.dir.write("lib/libgcc_s.so.1", "");
    const asked = server.requests.length;
    const refused = await install(root);
    expect(refused.stderr).toContain(
      "this system lacks libstdc++.so.6, which the program needs: install them first (on Alpine: apk add libstdc++ libgcc)",
    );
    expect(refused.status).toBe(1);
    expect(server.requests.slice(asked)).toEqual(["/latest/download/install.sh"]);
    expect(existsSync(root.dir.join("usr/local"))).toBe(false);
  });

  test("an executable for glibc is not installed", async () => {
    await using root = await ForeignRoot.musl({ libraries: true });
    await using other = await ReleaseServer.start({ program: await readFile("/bin/true") });
    const env = { OZ_WORKER_BASE_URL: other.url, OZ_WORKER_TARGET: "linux-x64" };
    const refused = await root.run(["sh", "-c", installerText()], env);
    expect(refused.stderr).toMatch(
      /does not run here, and nothing was changed; it said: .*No such file or directory/,
    );
    expect(refused.status).toBe(1);
  });

  test("where there is a loader of glibc, too, its executable is taken", async () => {
    await using root = await ForeignRoot.musl({ libraries: false });
    await root.dir.write("lib64/ld-linux-x86-64.so.2", "");
    const { stderr } = await root.run(["sh", "-c", installerText(), "sh", "--dry-run"], {
      OZ_WORKER_BASE_URL: server.url,
    });
    expect(stderr).toContain("oz-agent-worker-linux-x64.tar.gz");
  });
});

function build(...args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/build.ts", ...args], { cwd: ROOT });
  if (exitCode !== 0) throw new Error(`scripts/build ${args.join(" ")} failed: ${stderr}`);
}
