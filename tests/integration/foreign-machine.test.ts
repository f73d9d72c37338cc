/** The executable for arm64 on an x64 host, by qemu. What is needed is fetched from Debian, without installing it. */
import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { unpackPackages } from "../../scripts/services/debian-packages.ts";
import { TempDir } from "../support/temp-dir.ts";

const ROOT = resolve(import.meta.dir, "../..");
const allowed = process.env["CI"] === "true" || process.env["OZ_TEST_INSTALL"] === "1";
const here =
  allowed && process.platform === "linux" && process.arch === "x64" && Bun.which("apt-get") !== null;
if (!here) {
  process.stderr.write(
    "skip  arm64 by qemu: it needs Linux on x64, apt-get, and CI=true or OZ_TEST_INSTALL=1\n",
  );
}

describe.if(here)("the executable for arm64", () => {
  test("starts, says what it is, and reads a config file", async () => {
    await using dir = await TempDir.create("arm64");
    const { root } = await unpackPackages("qemu", ["qemu-user-static", "libc6-arm64-cross"]);
    const program = dir.join("oz-agent-worker");
    const argv = [process.execPath, "scripts/build.ts", "--target", "bun-linux-arm64", "--outfile", program];
    expect(Bun.spawnSync(argv, { cwd: ROOT }).exitCode).toBe(0);
    const run = (...args: readonly string[]) => {
      const qemu = [`${root}/usr/bin/qemu-aarch64-static`, "-L", `${root}/usr/aarch64-linux-gnu`, program];
      const { exitCode, stdout, stderr } = Bun.spawnSync([...qemu, ...args], {
        env: { PATH: "/usr/bin:/bin" },
      });
      return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
    };
    expect(run("version")).toMatchObject({ status: 0, stdout: expect.stringContaining("linux arm64") });
    const config = await dir.write("config.yaml", "worker_ids: w\n");
    const refused = run("--config-file", config);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain("worker_ids");
  }, 180_000);
});
