/** A whole release, of one platform: this one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFile, readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { blocksOf, runAsWritten } from "../support/install-page.ts";
import { runInstaller } from "../support/installer.ts";
import { instead, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const ROOT = resolve(import.meta.dir, "../..");
const TARGET = `linux-${process.arch}`;
const REPOSITORY = { GITHUB_SERVER_URL: "https://git.example", GITHUB_REPOSITORY: "team/oz-agent-worker" };
const MOVE = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"';
const ARCHIVE = `oz-agent-worker-${TARGET}.tar.gz`;

const onLinux = process.platform === "linux";
let dir: TempDir;
let first: string;
let said: string;

beforeAll(async () => {
  dir = await TempDir.create("release");
  first = dir.join("first");
  said = onLinux ? build(first) : "";
}, 120_000);
afterAll(() => dir[Symbol.asyncDispose]());

describe.if(onLinux)("scripts/build --all", () => {
  test("writes an archive and what goes with it, and nothing else", async () => {
    expect((await readdir(first)).sort()).toEqual(
      ["SHA256SUMS", ARCHIVE, "install.sh", "release.json", "sbom.spdx.json"].sort(),
    );
    expect(said).toMatch(new RegExp(`${ARCHIVE}: \\d+\\.\\d MB, unpacked \\d+\\.\\d MB`));
  });

  test("gives the same bytes from a clone that is elsewhere, into another folder, at another time", async () => {
    const second = dir.join("second/deeper");
    const elsewhere = await dir.mkdir("a clone/of another name");
    build(second, elsewhere);
    expect(sumsIn(second)).toBe(sumsIn(first));
  }, 120_000);

  test("writes sums that sha256sum agrees with", () => {
    const check = Bun.spawnSync(["sha256sum", "--check", "--strict", "SHA256SUMS"], { cwd: first });
    expect(check.exitCode).toBe(0);
    expect(check.stdout.toString().match(/: OK$/gm)).toHaveLength(4);
  });

  test("writes a manifest that says what is there", async () => {
    const manifest = JSON.parse(await readFile(join(first, "release.json"), "utf8"));
    const { size } = await stat(join(first, ARCHIVE));
    expect(manifest).toMatchObject({
      name: "oz-agent-worker",
      files: [{ name: ARCHIVE, target: TARGET, size }],
    });
    expect(sumsIn(first)).toContain(`${manifest.files[0].sha256}  ${ARCHIVE}\n`);
  });

  test("writes a bill of materials and notices that name every package of the bundle", async () => {
    const metafile = dir.join("bundle.json");
    const flags = ["--splitting", "--target=bun", `--outdir=${dir.join("bundle")}`, `--metafile=${metafile}`];
    const bundled = Bun.spawnSync([process.execPath, "build", ...flags, "src/main.ts"], { cwd: ROOT });
    expect(bundled.exitCode).toBe(0);
    const { inputs }: { inputs: object } = JSON.parse(await readFile(metafile, "utf8"));
    const folders = Object.keys(inputs).flatMap(
      (file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [],
    );
    expect(new Set(folders).size).toBeGreaterThan(20);
    const sbom: { packages: { name: string; versionInfo: string }[] } = JSON.parse(
      await readFile(join(first, "sbom.spdx.json"), "utf8"),
    );
    const named = new Set(sbom.packages.map(({ name, versionInfo }) => `${name} ${versionInfo}`));
    const notices = Bun.spawnSync([
      "tar",
      "-xzOf",
      join(first, ARCHIVE),
      "THIRD-PARTY-NOTICES",
    ]).stdout.toString();
    for (const folder of new Set(folders)) {
      const { name, version } = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8"));
      expect([folder, named.has(`${name} ${version}`)]).toEqual([folder, true]);
      expect([folder, notices.includes(`\n${name} ${version} (`)]).toEqual([folder, true]);
    }
  });

  test("writes what install.sh installs, and the program runs", async () => {
    await using server = await ReleaseServer.start({ targets: [] });
    for (const name of ["SHA256SUMS", ARCHIVE]) {
      server.lieAbout(name, instead(200, {}, await readFile(join(first, name))));
    }
    const env = {
      OZ_WORKER_BASE_URL: server.url,
      OZ_WORKER_INSTALL_DIR: dir.join("bin"),
      OZ_WORKER_TARGET: TARGET,
    };
    expect(await runInstaller({ dir, env })).toMatchObject({ status: 0 });
    const version = Bun.spawnSync([dir.join("bin/oz-agent-worker"), "version"]);
    expect(version.stdout.toString()).toMatch(/^oz-agent-worker \d+\.\d+\.\d+ /);
  });
});

/** Whoever follows the page meets what its author did not try. */
describe.if(onLinux)("docs/install.md, run as it is written", () => {
  const INSTALLED = /^oz-agent-worker \d+\.\d+\.\d+ /m;
  let server: ReleaseServer;
  let env: Readonly<Record<string, string>>;

  beforeAll(async () => {
    server = await ReleaseServer.start({ targets: [] });
    for (const name of await readdir(first)) {
      server.lieAbout(`/${name}`, instead(200, {}, await readFile(join(first, name))));
    }
    env = { OZ_WORKER_BASE_URL: server.url };
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("installs, tries, upgrades and removes from a mirror", async () => {
    const [install = "", dry = ""] = blocksOf("Installer", 2);
    const [upgrade = ""] = blocksOf("Upgrade and roll-back", 1);
    const [remove = ""] = blocksOf("Taking it away", 1);
    await using host = await TempDir.create("host");
    const tried = await runAsWritten(dry, { dir: host, env });
    expect(tried.stderr).toContain(`would download ${server.url}/download/v0.1.0/${ARCHIVE}`);
    expect(await readdir(host.join("host/local-bin"))).toEqual([]);
    const installed = await runAsWritten(`${install}oz-agent-worker version`, { dir: host, env });
    expect(installed.stdout).toMatch(INSTALLED);
    // Typed by a plain user, it once put the new version below his home, and the service went on with the old one.
    const plain = { ...env, HOME: await host.mkdir("host/home") };
    const upgraded = await runAsWritten(upgrade, { dir: host, env: plain });
    expect(upgraded.stderr).toMatch(/it replaces oz-agent-worker \d/);
    expect(await readFile(host.join("host/told"), "utf8")).toBe("systemctl restart oz-agent-worker\n");
    const removed = await runAsWritten(remove, { dir: host, env });
    expect(removed.stderr).toContain("removed /usr/local/bin/oz-agent-worker");
    expect([tried, installed, upgraded, removed].map(({ status }) => status)).toEqual([0, 0, 0, 0]);
  }, 60_000);

  test("verifies and installs by hand", async () => {
    const [unpack = ""] = blocksOf("By hand", 2);
    const [verify = ""] = blocksOf("Verifying a download", 1);
    await using host = await TempDir.create("host");
    for (const name of [ARCHIVE, "SHA256SUMS"]) await copyFile(join(first, name), host.join(name));
    // There is no such service here.
    const here = verify.replace(/^gh .*$/m, "").replaceAll("linux-x64", TARGET);
    const verified = await runAsWritten(here, { dir: host });
    expect(verified).toMatchObject({ status: 0, stdout: `${ARCHIVE}: OK\n` });
    const installed = await runAsWritten(unpack.replaceAll("linux-x64", TARGET), { dir: host });
    expect(installed).toMatchObject({ status: 0, stdout: expect.stringMatching(INSTALLED) });
  }, 60_000);

  // The script of a release looked for the folder of its own version, which nobody had copied.
  test("installs without a network", async () => {
    const [, offline = ""] = blocksOf("By hand", 2);
    await using host = await TempDir.create("host");
    await host.mkdir("host/media/oz/latest/download");
    for (const name of [ARCHIVE, "SHA256SUMS", "install.sh"]) {
      await copyFile(join(first, name), host.join("host/media/oz/latest/download", name));
    }
    const installed = await runAsWritten(`${offline}oz-agent-worker version`, { dir: host });
    expect(installed).toMatchObject({ status: 0, stdout: expect.stringMatching(INSTALLED) });
  }, 60_000);
});

test("a platform that there is none of is refused before anything is removed", async () => {
  await using dir = await TempDir.create("release");
  const kept = await dir.write("out/kept", "");
  const run = Bun.spawnSync(
    [process.execPath, "scripts/build.ts", "--all", "--outdir", dir.join("out"), "--only", "os2"],
    {
      cwd: ROOT,
    },
  );
  expect(run.exitCode).toBe(2);
  expect(run.stderr.toString()).toContain("There is no target os2: choose from linux-x64");
  expect(await Bun.file(kept).exists()).toBe(true);
});

/** `elsewhere`: a folder at which the clone is, too, for this build. */
function build(outdir: string, elsewhere?: string): string {
  const flags = ["--all", "--outdir", outdir, "--only", TARGET, "--level", "1"];
  const command = [process.execPath, "scripts/build.ts", ...flags];
  const there = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOVE, "sh", ROOT];
  const argv = elsewhere === undefined ? command : [...there, elsewhere, ...command];
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv, {
    cwd: ROOT,
    env: { ...process.env, ...REPOSITORY },
  });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} failed: ${stderr.toString()}`);
  return stdout.toString();
}

function sumsIn(folder: string): string {
  return Bun.spawnSync(["cat", join(folder, "SHA256SUMS")]).stdout.toString();
}
