/** A whole release, of one platform: this one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { runInstaller } from "../support/installer.ts";
import { instead, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const ROOT = resolve(import.meta.dir, "../..");
const TARGET = `linux-${process.arch}`;
const REPOSITORY = { GITHUB_SERVER_URL: "https://git.example", GITHUB_REPOSITORY: "team/oz-agent-worker" };
const MOVE = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"';
const ARCHIVE = `oz-agent-worker-${TARGET}.tar.gz`;

describe.if(process.platform === "linux")("scripts/build --all", () => {
  let dir: TempDir;
  let first: string;
  let said: string;

  beforeAll(async () => {
    dir = await TempDir.create("release");
    first = dir.join("first");
    said = build(first);
  }, 120_000);
  afterAll(() => dir[Symbol.asyncDispose]());

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

test("a platform that there is none of is refused before anything is removed", async () => {
  await using dir = await TempDir.create("release");
  const kept = await dir.write("out/kept", "");
  const run = Bun.spawnSync(
    [process.execPath, "scripts/build.ts", "--all", "--outdir", dir.join("out"), "--only", "os2"],
    {
      cwd: ROOT,
    },
  );
  expect(run.exitCode).toBe(1);
  expect(run.stderr.toString()).toContain("There is no target os2: choose from linux-x64");
  expect(await Bun.file(kept).exists()).toBe(true);
});

/** `elsewhere`: a folder at which the clone is, too, for this build. */
function build(outdir: string, elsewhere?: string): string {
  const flags = ["--all", "--outdir", outdir, "--only", TARGET, "--level", "1"];
  const command = [process.execPath, "scripts/build.ts", ...flags];
  const there = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOVE, "sh", ROOT];
  const argv = elsewhere === undefined ? command : [...there, elsewhere, ...command];
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv, { cwd: ROOT, env: { ...process.env, ...REPOSITORY } });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")} failed: ${stderr.toString()}`);
  return stdout.toString();
}

function sumsIn(folder: string): string {
  return Bun.spawnSync(["cat", join(folder, "SHA256SUMS")]).stdout.toString();
}
