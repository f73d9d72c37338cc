/** deb and rpm as their own programs see them. Installing needs root, and is done where CI=true or OZ_TEST_INSTALL=1. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { packExecutable } from "../../scripts/release/archive.ts";
import { packageRelease } from "../../scripts/release/packages.ts";
import { ROOT } from "../../scripts/release/source.ts";
import { unpackPackages } from "../../scripts/services/debian-packages.ts";
import { findBusybox } from "../../scripts/services/test-images.ts";
import { renderCompletions } from "../../src/cli/completions.ts";
import { programThatSays } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const DEB = `oz-agent-worker_1.2.3_${process.arch === "arm64" ? "arm64" : "amd64"}.deb`;
const allowed = process.env["CI"] === "true" || process.env["OZ_TEST_INSTALL"] === "1";
const tools = ["dpkg", "dpkg-deb", "go"].every((name) => Bun.which(name) !== null);
const isRoot = process.getuid?.() === 0;
const here = allowed && tools && isRoot;
if (!here)
  process.stderr.write("skip  deb and rpm: they need root, dpkg, go, and CI=true or OZ_TEST_INSTALL=1\n");

describe.if(here)("the packages of a release", () => {
  let dir: TempDir;
  let names: readonly string[];

  beforeAll(async () => {
    dir = await TempDir.create("packages");
    names = await pack(dir.join("release"));
  }, 300_000);
  afterAll(() => dir[Symbol.asyncDispose]());

  test("are a deb and an rpm for each machine, and in SHA256SUMS", () => {
    expect(names.map((name) => name.replace("1.2.3", "V"))).toEqual([
      "oz-agent-worker_V_amd64.deb",
      "oz-agent-worker-V.x86_64.rpm",
      "oz-agent-worker_V_arm64.deb",
      "oz-agent-worker-V.aarch64.rpm",
    ]);
    const check = Bun.spawnSync(["sha256sum", "--check", "--strict", "SHA256SUMS"], {
      cwd: dir.join("release"),
    });
    expect(check.exitCode).toBe(0);
  });

  test("have the same bytes when they are made again", async () => {
    await pack(dir.join("again"));
    const sums = (folder: string) => Bun.file(dir.join(folder, "SHA256SUMS")).text();
    expect(await sums("again")).toBe(await sums("release"));
  }, 60_000);

  test("say what they need, and bring nothing that starts by itself", () => {
    const fields = said("dpkg-deb", "--field", dir.join("release", DEB), "Depends", "Version", "Maintainer");
    expect(fields).toContain("Depends: libc6");
    expect(fields).toContain("Version: 1.2.3");
    const files = said("dpkg-deb", "--contents", dir.join("release", DEB)).trim().split("\n");
    expect(files.map((line) => line.replace(/^(\S+) (\S+) .* (\S+)$/, "$1 $2 $3"))).toEqual(
      expect.arrayContaining([
        "-rwxr-xr-x root/root ./usr/bin/oz-agent-worker",
        "-rw-r--r-- root/root ./usr/share/bash-completion/completions/oz-agent-worker",
        "-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_oz-agent-worker",
        "-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/oz-agent-worker.fish",
      ]),
    );
    expect(files.join("\n")).not.toContain("systemd");
  });

  test("are installed and removed by rpm, too, in a root folder of its own", async () => {
    const root = dir.join("rpm root");
    await mkdir(join(root, "bin"), { recursive: true });
    // Of its scripts; all else is in the package.
    await copyFile(await findBusybox(), join(root, "bin/sh"));
    const { root: unpacked, env } = await unpackPackages("rpm", [
      ...["rpm", "rpm-common", "librpm9", "librpmio9", "librpmbuild9", "librpmsign9"],
      ...["liblua5.3-0", "libpopt0"],
    ]);
    const rpm = (...args: readonly string[]) => {
      const argv = [join(unpacked, "usr/bin/rpm"), "--root", root, "--nodeps", ...args];
      const own = { ...process.env, ...env, RPM_CONFIGDIR: join(unpacked, "usr/lib/rpm") };
      const { exitCode, stderr } = Bun.spawnSync(argv, { env: own });
      expect([argv.join(" "), exitCode, stderr.toString().match(/^error:.*/gm)]).toEqual([
        argv.join(" "),
        0,
        null,
      ]);
    };
    const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
    rpm("-i", dir.join("release", `oz-agent-worker-1.2.3.${machine}.rpm`));
    expect(said(join(root, "usr/bin/oz-agent-worker"), "version")).toContain("oz-agent-worker 1.2.3");
    for (const [shell, file] of [
      ["bash", "bash-completion/completions/oz-agent-worker"],
      ["zsh", "zsh/site-functions/_oz-agent-worker"],
      ["fish", "fish/vendor_completions.d/oz-agent-worker.fish"],
    ] as const)
      expect(await readFile(join(root, "usr/share", file), "utf8")).toBe(renderCompletions(shell));
    await writeFile(join(root, "etc/oz-agent-worker/config.yaml"), "worker_id: w\n");
    rpm("-e", "oz-agent-worker");
    expect(existsSync(join(root, "usr/bin/oz-agent-worker"))).toBe(false);
    expect(await readdir(join(root, "etc/oz-agent-worker"))).toEqual(["config.yaml"]);
  }, 120_000);

  test("are installed, upgraded, removed and purged by dpkg, which leaves the state until it is purged", async () => {
    expect(existsSync("/usr/bin/oz-agent-worker")).toBe(false);
    try {
      said("dpkg", "--install", dir.join("release", DEB));
      expect(said("/usr/bin/oz-agent-worker", "version")).toContain("oz-agent-worker 1.2.3");
      await mkdir("/var/lib/oz-agent-worker", { recursive: true });
      await writeFile("/etc/oz-agent-worker/config.yaml", "worker_id: w\n");
      said("dpkg", "--install", dir.join("again", DEB));
      said("dpkg", "--remove", "oz-agent-worker");
      expect(existsSync("/usr/bin/oz-agent-worker")).toBe(false);
      expect(existsSync("/var/lib/oz-agent-worker")).toBe(true);
      expect(await readdir("/etc/oz-agent-worker")).toEqual(["config.yaml"]);
    } finally {
      Bun.spawnSync(["dpkg", "--purge", "oz-agent-worker"]);
    }
    expect(existsSync("/etc/oz-agent-worker")).toBe(false);
    expect(existsSync("/var/lib/oz-agent-worker")).toBe(false);
  }, 120_000);
});

const UNIT = "/etc/systemd/system/oz-agent-worker.service";
const OWN_PROGRAM = "ExecStart=/usr/bin/oz-agent-worker --config-file /etc/oz-agent-worker/config.yaml\n";
const OTHER_PROGRAM = OWN_PROGRAM.replace("/usr/", "/usr/local/");

/** A script of the packages with all that it looks at or removes in `dir`; the program notes what it is told. */
async function scriptIn(dir: TempDir, name: "before-remove" | "after-remove", unit: string): Promise<string> {
  await dir.write("oz-agent-worker.service", `[Service]\n${unit}`);
  await dir.write("usr/bin/oz-agent-worker", `#!/bin/sh\necho "$*" >>'${dir.join("told")}'\n`, 0o755);
  for (const folder of ["etc", "var/lib"]) await dir.write(`${folder}/oz-agent-worker/file`, "");
  const script = await readFile(resolve(ROOT, "packaging", name), "utf8");
  const here = script
    .replace(UNIT, dir.join("oz-agent-worker.service"))
    .replace(/^( *)\/usr\/bin\/oz/gm, `$1${dir.path}/usr/bin/oz`)
    .replaceAll(/(?<=rm -rf .*)\/(?=var\/|etc\/)/g, `${dir.path}/`);
  // What is removed, and what is started, is never this host's own.
  expect(here).not.toMatch(/^ *\/usr\/bin\/oz|rm -rf \/(?:var|etc)|rm -rf .* \/(?:var|etc)\//m);
  return here;
}

test("before a package goes its service goes, and neither before an upgrade nor while a dependency changes", async () => {
  await using dir = await TempDir.create("scripts");
  const script = await scriptIn(dir, "before-remove", OWN_PROGRAM);
  // What dpkg says first, and how many of it stay, which is what rpm says.
  for (const word of ["upgrade", "failed-upgrade", "deconfigure", "1", "2"])
    said("sh", "-c", script, "before-remove", word);
  expect(existsSync(dir.join("told"))).toBe(false);
  for (const word of ["remove", "0"]) said("sh", "-c", script, "before-remove", word);
  expect(await readFile(dir.join("told"), "utf8")).toBe("service uninstall\nservice uninstall\n");
});

// Of a host that had moved to install.sh: tidying up the old package took the worker away, and its results.
test("a service that starts another program goes on when a package goes, and a purge leaves what it uses", async () => {
  await using dir = await TempDir.create("scripts");
  said("sh", "-c", await scriptIn(dir, "before-remove", OTHER_PROGRAM), "before-remove", "remove");
  expect(existsSync(dir.join("told"))).toBe(false);
  const left = () => ["etc", "var/lib"].filter((folder) => existsSync(dir.join(folder, "oz-agent-worker")));
  const purge = async (unit: string) => {
    const script = await scriptIn(dir, "after-remove", unit);
    for (const word of ["remove", "purge"]) said("sh", "-c", script, "after-remove", word);
    return left();
  };
  expect(await purge(OTHER_PROGRAM)).toEqual(["etc", "var/lib"]);
  // One that could not be stopped, where no systemd runs: what it starts is gone.
  expect(await purge(OWN_PROGRAM)).toEqual([]);
});

async function pack(folder: string): Promise<readonly string[]> {
  const executable = { name: "oz-agent-worker", content: Buffer.from(programThatSays("1.2.3")) };
  const documents = { LICENSE: "licence\n", "THIRD-PARTY-NOTICES": "notices\n" };
  const archive = packExecutable("tar.gz", executable, documents, 1);
  await mkdir(folder);
  const files = ["linux-x64", "linux-arm64"].map((target) => ({
    target,
    name: `oz-agent-worker-${target}.tar.gz`,
  }));
  for (const { name } of files) await writeFile(`${folder}/${name}`, archive);
  await writeFile(
    `${folder}/release.json`,
    JSON.stringify({ name: "oz-agent-worker", version: "1.2.3", files }),
  );
  return await packageRelease(folder, () => undefined);
}

function said(...argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with status ${exitCode}: ${stderr}${stdout}`);
  return stdout.toString();
}
