/** What the workflows call, rehearsed; and what actionlint says of them. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { packExecutable } from "../../scripts/release/archive.ts";
import { programThatSays } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const ROOT = resolve(import.meta.dir, "../..");
const WORKFLOWS = ["ci.yml", "release.yml"] as const;

describe.each(WORKFLOWS)("the workflow %s", (name) => {
  const text = () => readFile(`${ROOT}/.github/workflows/${name}`, "utf8");

  test("pins every action by its commit, and says which version that is", async () => {
    const uses = [...(await text()).matchAll(/uses: (.*)$/gm)].map(([, action = ""]) => action);
    expect(uses).not.toHaveLength(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test("calls scripts that are there", async () => {
    const scripts = [...(await text()).matchAll(/(?<![\w/])(?:scripts|\.ci)\/[\w/-]+(?!\*)/g)].map(
      ([script]) => script,
    );
    expect(scripts).not.toHaveLength(0);
    for (const script of scripts) expect([script, existsSync(`${ROOT}/${script}`)]).toEqual([script, true]);
  });
});

// A candidate without it is the newest release, which every installer takes that is not told a version.
test.each([
  ["v1.2.3", false],
  ["v1.3.0-rc.1", true],
])("a release of the tag %s is a prerelease: %p", async (tag, isPrerelease) => {
  await using dir = await TempDir.create("publish");
  await dir.write("bin/gh", '#!/bin/sh\nprintf "%s\\n" "$@"\n', 0o755);
  await dir.write("release/a b.tar.gz", "");
  const workflow = Bun.YAML.parse(await readFile(`${ROOT}/.github/workflows/release.yml`, "utf8")) as {
    readonly jobs: { readonly publish: { readonly steps: readonly { name?: string; run?: string }[] } };
  };
  const step = workflow.jobs.publish.steps.find(({ name }) => name === "The release");
  const env = { PATH: `${dir.join("bin")}:/usr/bin:/bin`, GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: "o/r" };
  const { stdout } = Bun.spawnSync(["bash", "-e", "-c", step?.run ?? ""], { cwd: dir.path, env });
  const words = stdout.toString().trim().split("\n");
  expect(words.slice(0, 3)).toEqual(["release", "create", tag]);
  expect(words.at(-1)).toBe("release/a b.tar.gz");
  expect(words.includes("--prerelease")).toBe(isPrerelease);
});

const allowed = process.env["CI"] === "true" || process.env["OZ_TEST_INSTALL"] === "1";
if (!allowed) process.stderr.write("skip  actionlint: it is built only where CI=true or OZ_TEST_INSTALL=1\n");

test.if(allowed)(
  "actionlint has nothing to say against the workflows",
  () => {
    const built = run("scripts/release/go-tool", "actionlint");
    expect(built).toMatchObject({ status: 0 });
    const files = WORKFLOWS.map((name) => `.github/workflows/${name}`);
    expect(run(built.stdout.trim(), "-no-color", ...files)).toMatchObject({ status: 0, stdout: "" });
  },
  300_000,
);

describe("check-tag", () => {
  test("takes the tag of these sources and no other", async () => {
    const { version }: { version: string } = JSON.parse(await readFile(`${ROOT}/package.json`, "utf8"));
    expect(run("scripts/release/check-tag", `v${version}`)).toMatchObject({ status: 0 });
    const other = run("scripts/release/check-tag", "v99.0.0");
    expect(other.status).toBe(1);
    expect(other.stderr).toContain(`the tag is v99.0.0, but package.json says ${version}`);
  });
});

describe("smoke", () => {
  test("starts the executable of a release, and refuses one with another sum", async () => {
    await using dir = await TempDir.create("smoke");
    const executable = { name: "oz-agent-worker", content: Buffer.from(programThatSays("1.2.3")) };
    await mkdir(dir.join("release"));
    const archive = dir.join("release/oz-agent-worker-linux-x64.tar.gz");
    await writeFile(archive, packExecutable("tar.gz", executable, {}, 1));
    const sums = Bun.spawnSync(["sha256sum", "oz-agent-worker-linux-x64.tar.gz"], {
      cwd: dir.join("release"),
    });
    await writeFile(dir.join("release/SHA256SUMS"), sums.stdout);
    const smoke = () => run("scripts/release/smoke", dir.join("release"), "linux-x64");
    expect(smoke()).toMatchObject({ status: 0, stdout: expect.stringContaining("oz-agent-worker 1.2.3") });
    await writeFile(archive, "something else");
    expect(smoke().status).not.toBe(0);
    await writeFile(dir.join("release/SHA256SUMS"), "");
    expect(smoke().stderr).toContain("SHA256SUMS does not name oz-agent-worker-linux-x64.tar.gz");
  });

  test("unpacks what is for Windows, and has macOS judge the signature before it starts anything", async () => {
    await using dir = await TempDir.create("smoke");
    const content = Buffer.from(programThatSays("1.2.3"));
    const archives = {
      "oz-agent-worker-windows-x64.zip": packExecutable(
        "zip",
        { name: "oz-agent-worker.exe", content },
        {},
        1,
      ),
      "oz-agent-worker-darwin-arm64.tar.gz": packExecutable(
        "tar.gz",
        { name: "oz-agent-worker", content },
        {},
        1,
      ),
    };
    await mkdir(dir.join("release"));
    for (const [name, archive] of Object.entries(archives))
      await writeFile(dir.join("release", name), archive);
    const sums = Bun.spawnSync(["sha256sum", ...Object.keys(archives)], { cwd: dir.join("release") });
    await writeFile(dir.join("release/SHA256SUMS"), sums.stdout);
    const smoke = (target: string, verdict: number) => {
      Bun.spawnSync(
        [
          "sh",
          "-c",
          `printf '#!/bin/sh\\necho codesign "$1"\\nexit ${verdict}\\n' >codesign; chmod +x codesign`,
        ],
        {
          cwd: dir.path,
        },
      );
      const env = { ...process.env, PATH: `${dir.path}:${process.env["PATH"]}` };
      const argv = [resolve(ROOT, "scripts/release/smoke"), dir.join("release"), target];
      const { exitCode, stdout } = Bun.spawnSync(argv, { env });
      return { status: exitCode, lines: stdout.toString().trim().split("\n").slice(1) };
    };
    const started = "oz-agent-worker 1.2.3 (commit test)";
    expect(smoke("windows-x64", 0)).toEqual({ status: 0, lines: [started] });
    expect(smoke("darwin-arm64", 0)).toEqual({ status: 0, lines: ["codesign --verify", started] });
    expect(smoke("darwin-arm64", 1)).toEqual({ status: 1, lines: ["codesign --verify"] });
  });
});

function run(program: string, ...args: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([resolve(ROOT, program), ...args], { cwd: ROOT });
  return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}
