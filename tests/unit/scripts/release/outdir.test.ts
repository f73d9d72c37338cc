import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { IMAGE_NAMES, makeAnew, RELEASE_NAMES } from "../../../../scripts/release/outdir.ts";
import { TempDir } from "../../../support/temp-dir.ts";

const ROOT = resolve(import.meta.dir, "../../../..");

describe("the folder of a build", () => {
  test("is emptied of what an earlier one wrote, packages, chart and half a build included", async () => {
    await using dir = await TempDir.create("outdir");
    const files = ["linux-x64.tar.gz", "0.1.0.tgz", "0.1.0.x86_64.rpm"].map((it) => `oz-agent-worker-${it}`);
    const others = ["oz-agent-worker_0.1.0_amd64.deb", "oz-agent-worker.rb", "SHA256SUMS", "install.sh"];
    for (const name of [...files, ...others, "release.json", ".linux-arm64/oz-agent-worker"])
      await dir.write(`out/${name}`, "");
    await makeAnew(dir.join("out"), RELEASE_NAMES);
    expect(await readdir(dir.join("out"))).toEqual([]);
    for (const name of ["base.tar", "oz-agent-worker", "LICENSE"]) await dir.write(`image/${name}`, "");
    await makeAnew(dir.join("image"), IMAGE_NAMES);
    expect(await readdir(dir.join("image"))).toEqual([]);
  });

  test("is made where there is none", async () => {
    await using dir = await TempDir.create("outdir");
    await makeAnew(dir.join("a/b"), RELEASE_NAMES);
    expect(existsSync(dir.join("a/b"))).toBe(true);
  });

  // `--outdir .` cost the clone, and `--outdir ~` a home.
  test.each([
    ["src/main.ts", IMAGE_NAMES],
    ["install.sh/kept", RELEASE_NAMES],
    // A clone in the folder of all clones.
    ["oz-agent-worker/README.md", IMAGE_NAMES],
  ])("with %s in it is left alone", async (name, ours) => {
    await using dir = await TempDir.create("outdir");
    const kept = await dir.write(`out/${name}`, "");
    await dir.write("out/LICENSE", "");
    await expect(makeAnew(dir.join("out"), ours)).rejects.toThrow(/^Cannot build into .*, which is emptied/);
    expect(existsSync(kept)).toBe(true);
  });

  test("is refused by scripts/build before anything is built", async () => {
    await using dir = await TempDir.create("outdir");
    const kept = await dir.write("kept", "");
    const argv = [process.execPath, "scripts/build.ts", "--all", "--only", "linux-x64", "--outdir", dir.path];
    const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: ROOT });
    expect([exitCode, stderr.toString()]).toEqual([
      2,
      `build: Cannot build into ${dir.path}, which is emptied first: kept in it is not of such a build; name a folder that is empty or not there\n`,
    ]);
    expect(existsSync(kept)).toBe(true);
  });
});
