import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { installerText, runInstaller, SURROUNDINGS } from "../support/installer.ts";
import { programThatSays, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

describe.concurrent.each(SURROUNDINGS.map((one) => [one.name, one] as const))(
  "install.sh under %s",
  (_, surroundings) => {
    test("installs the newest release, says where, and leaves nothing else behind", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      const bin = dir.join("bin");
      const env = { OZ_WORKER_BASE_URL: server.url, OZ_WORKER_INSTALL_DIR: bin };
      const run = await runInstaller({ dir, in: surroundings, env });
      expect(run).toMatchObject({ status: 0, stdout: "" });
      expect(run.stderr).toContain(`installed ${bin}/oz-agent-worker: oz-agent-worker 9.9.9 (commit test)`);
      expect(run.stderr).toContain(`export PATH="${bin}:$PATH"`);
      expect(await readdir(bin)).toEqual(["oz-agent-worker"]);
      expect((await stat(`${bin}/oz-agent-worker`)).mode & 0o777).toBe(0o755);
    });

    test("installs the version that is asked for, with or without a v", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start({ version: "1.2.3" });
      server.add({ version: "9.9.9" });
      for (const version of ["1.2.3", "v1.2.3"]) {
        const env = {
          OZ_WORKER_BASE_URL: `${server.url}/`,
          OZ_WORKER_INSTALL_DIR: dir.join(version),
          OZ_WORKER_VERSION: version,
        };
        const run = await runInstaller({ dir, in: surroundings, env });
        expect(run.status).toBe(0);
        expect(await readFile(dir.join(version, "oz-agent-worker"), "utf8")).toBe(programThatSays("1.2.3"));
      }
    });

    test("goes through the proxy of the environment", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      const env = {
        OZ_WORKER_BASE_URL: "http://releases.invalid",
        OZ_WORKER_INSTALL_DIR: dir.join("bin"),
        http_proxy: server.url,
      };
      const run = await runInstaller({ dir, in: surroundings, env });
      expect(run).toMatchObject({ status: 0 });
      expect(server.requests).toContain("/latest/download/SHA256SUMS");
    });

    test("a dry run says what would be done, asks nobody, and does nothing", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      const env = { OZ_WORKER_BASE_URL: server.url, OZ_WORKER_INSTALL_DIR: dir.join("bin") };
      const run = await runInstaller({ dir, in: surroundings, env, args: ["--dry-run"] });
      expect(run.status).toBe(0);
      expect(run.stderr).toMatch(
        /would download http.*\/latest\/download\/oz-agent-worker-linux-\w+\.tar\.gz/,
      );
      expect(server.requests).toEqual([]);
      expect(existsSync(dir.join("bin"))).toBe(false);
    });

    test("of a script that was cut in the download nothing is run", async () => {
      await using dir = await TempDir.create("install");
      const text = installerText();
      const env = { OZ_WORKER_BASE_URL: "http://127.0.0.1:1", OZ_WORKER_INSTALL_DIR: dir.join("bin") };
      // At every byte of the end, where the script is called, and here and there in what comes before it.
      const cuts = [...Array(60).keys()].map((back) => text.trimEnd().length - 1 - back);
      for (let cut = 0; cut < text.length - 60; cut += 331) cuts.push(cut);
      await mkdir(dir.join("home"));
      const runs = await Promise.all(
        cuts.map(async (cut) => ({
          cut,
          ...(await runInstaller({ dir, in: surroundings, env, script: text.slice(0, cut) })),
        })),
      );
      expect(runs.filter(({ stderr }) => /downloading|cannot|installed/.test(stderr))).toEqual([]);
      expect(existsSync(dir.join("bin"))).toBe(false);
    });
  },
);

test.if(process.env["CI"] === "true").each(["dash", "bash", "busybox", "curl", "wget"])(
  "%s is here, so nothing above was left out",
  (name) => {
    expect(Bun.which(name)).not.toBeNull();
  },
);
