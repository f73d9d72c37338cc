/** What users and mirrors have that the author of a script does not: odd umasks, names, owners, environments. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { type TarEntry, tarOf } from "../../scripts/services/tar.ts";
import { DASH_CURL, type RunOptions, runInstaller, SURROUNDINGS } from "../support/installer.ts";
import { instead, programThatSays, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const OLD = programThatSays("0.0.1");
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

async function install(server: ReleaseServer, options: RunOptions) {
  const env = {
    OZ_WORKER_BASE_URL: server.url,
    OZ_WORKER_INSTALL_DIR: options.dir.join("bin"),
    ...options.env,
  };
  return await runInstaller({ ...options, env });
}

describe.concurrent.each(SURROUNDINGS.map((one) => [one.name, one] as const))(
  "under %s",
  (_, surroundings) => {
    test("folders with spaces and quotes in their names are folders", async () => {
      await using dir = await TempDir.create('it\'s a "home" $HOME');
      await using server = await ReleaseServer.start();
      const env = { TMPDIR: dir.join("no such folder"), OZ_WORKER_INSTALL_DIR: dir.join("my bin") };
      const run = await install(server, { dir, in: surroundings, env });
      expect([run.status, run.stderr]).toEqual([
        0,
        expect.stringContaining(`installed ${dir.join("my bin")}`),
      ]);
      expect(await readdir(dir.join("my bin"))).toEqual(["oz-agent-worker"]);
    });

    test("a folder that is on PATH already is no reason for advice", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      const tools = dir.join(`tools of ${surroundings.name}`);
      const run = await install(server, { dir, in: surroundings, env: { OZ_WORKER_INSTALL_DIR: tools } });
      expect(run.status).toBe(0);
      expect(run.stderr).not.toContain("export PATH");
    });

    test("without HOME the folder has to be named", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      const named = await install(server, { dir, in: surroundings, unset: ["HOME"] });
      expect(named.status).toBe(0);
      if (!isRoot) return;
      await chmod(dir.path, 0o755);
      const env = { OZ_WORKER_INSTALL_DIR: "" };
      const run = await install(server, { dir, in: surroundings, env, unset: ["HOME"], under: asNobody() });
      expect(run.stderr).toContain("HOME is not set: set OZ_WORKER_INSTALL_DIR");
      expect(run.status).toBe(1);
    });

    test("of a server that is out of order the status is told, and the old program stays", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      server.lieAbout("SHA256SUMS", instead(503, {}, "overloaded\n"));
      await dir.write("bin/oz-agent-worker", OLD, 0o755);
      const run = await install(server, { dir, in: surroundings });
      expect(run.stderr).toContain("503");
      expect(run.stderr).toContain("cannot download");
      expect(run.status).toBe(1);
      expect(await readFile(dir.join("bin/oz-agent-worker"), "utf8")).toBe(OLD);
    });

    test("a server that cut the connection is asked once more", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      let failures = 0;
      // busybox' wget asks once.
      const most = surroundings.busybox ? 0 : 1;
      server.lieAbout("SHA256SUMS", (_request, response) => {
        if (failures === most) return false;
        failures++;
        response.destroy();
        return true;
      });
      expect(await install(server, { dir, in: surroundings })).toMatchObject({ status: 0 });
    });

    test.each([
      ["a link", { path: "oz-agent-worker", kind: "symlink", target: "/etc/hostname" }],
      ["a folder", { path: "oz-agent-worker", kind: "folder" }],
    ] as const)("%s in the place of the program is not installed, and not followed", async (_name, entry) => {
      await using dir = await TempDir.create("install");
      await using server = await serverOf([entry]);
      const run = await install(server, { dir, in: surroundings });
      expect(run.stderr).toContain("has no program in it, but something else of that name");
      expect(run.status).toBe(1);
      expect(await readdir(dir.join("bin"))).toEqual([]);
    });

    test("the old program is asked its version without the keys of this shell, and not for input", async () => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start();
      const old = `#!/bin/sh\nenv >'${dir.join("seen")}'\ncat >>'${dir.join("seen")}'\necho an older worker\n`;
      await dir.write("bin/oz-agent-worker", old, 0o755);
      const run = await install(server, { dir, in: surroundings, env: { WARP_API_KEY: "secret" } });
      expect(run.stderr).toContain("it replaces an older worker");
      const seen = await readFile(dir.join("seen"), "utf8");
      expect(seen).toContain("PATH=");
      expect(seen).not.toContain("secret");
      expect(seen).not.toContain("main()");
    });

    describe.if(isRoot)("as root", () => {
      test("what is installed is for all users, whatever the umask, and root's, whoever packed it", async () => {
        await using dir = await TempDir.create("install");
        await using server = await serverOf([
          {
            path: "oz-agent-worker",
            kind: "file",
            content: programThatSays("9.9.9"),
            mode: 0o4777,
            owner: 1000,
          },
        ]);
        const under = ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh"];
        const run = await install(server, { dir, in: surroundings, under });
        expect(run.status).toBe(0);
        const [folder, file] = [await stat(dir.join("bin")), await stat(dir.join("bin/oz-agent-worker"))];
        expect([folder.mode & 0o7777, file.mode & 0o7777, file.uid]).toEqual([0o755, 0o755, 0]);
      });
    });
  },
);

describe.if(isRoot)("as a user who is not root", () => {
  test("what is made has the modes that the umask asks for", async () => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start();
    await chmod(dir.path, 0o755);
    await mkdir(dir.join("home"));
    await chown(dir.join("home"), NOBODY, NOBODY);
    const under = [...asNobody(), "/bin/sh", "-c", 'umask 077; exec "$@"', "sh"];
    const run = await install(server, { dir, in: DASH_CURL, env: { OZ_WORKER_INSTALL_DIR: "" }, under });
    expect(run.status).toBe(0);
    expect((await stat(dir.join("home/.local"))).mode & 0o777).toBe(0o700);
  });
});

async function serverOf(entries: readonly TarEntry[]): Promise<ReleaseServer> {
  const archive = gzipSync(tarOf(entries));
  const server = await ReleaseServer.start();
  server.add({ archive });
  return server;
}

function asNobody(): readonly string[] {
  return [Bun.which("setpriv") ?? "", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
}
