import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { DASH_CURL, type Run, runInstaller, SURROUNDINGS, type Surroundings } from "../support/installer.ts";
import { half, instead, type Lie, programThatSays, ReleaseServer } from "../support/release-server.ts";
import { TempDir } from "../support/temp-dir.ts";

const OLD = programThatSays("0.0.1");
const PAGE = "<html>Please sign in to this network</html>\n";
const SUMS = "SHA256SUMS";
const ARCHIVE = ".tar.gz";

interface Case {
  readonly name: string;
  readonly about: string;
  readonly lie: Lie;
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: "an archive that is not what was released",
    about: ARCHIVE,
    lie: instead(200, {}, "something else"),
    says: /wrong SHA-256: [0-9a-f]{64} in place of [0-9a-f]{64}/,
  },
  {
    name: "a sign-in page in place of the sums",
    about: SUMS,
    lie: instead(200, { "content-type": "text/html" }, PAGE),
    says: /does not name oz-agent-worker-linux-\S+: is that address a release.*sign in/,
  },
  {
    name: "sums without this platform",
    about: SUMS,
    lie: instead(200, {}, `${"0".repeat(64)}  other.tar.gz\n`),
    says: /does not name oz-agent-worker-linux/,
  },
  {
    name: "sums whose line of this platform is cut",
    about: SUMS,
    lie: instead(200, {}, `abc  oz-agent-worker-linux-x64.tar.gz\nabc  oz-agent-worker-linux-arm64.tar.gz\n`),
    says: /does not name oz-agent-worker-linux/,
  },
  {
    name: "no such release",
    about: SUMS,
    lie: instead(404, {}, PAGE),
    says: /404[\s\S]*cannot download .*SHA256SUMS/,
  },
  {
    name: "no such archive",
    about: ARCHIVE,
    lie: instead(404, {}, PAGE),
    says: /404[\s\S]*cannot download .*tar\.gz/,
  },
  {
    name: "a connection that ends in the middle",
    about: ARCHIVE,
    lie: half,
    // GNU wget said nothing of it, and "see above" led nowhere.
    says: /(?:curl|wget): .+\ninstall: cannot download .*tar\.gz: see above|wrong SHA-256/,
  },
  {
    name: "a redirect to itself for ever",
    about: SUMS,
    lie: (request, response) => {
      response.writeHead(302, { location: request.url ?? "" }).end();
      return true;
    },
    says: /cannot download .*SHA256SUMS/,
  },
];

describe.concurrent.each(SURROUNDINGS.map((one) => [one.name, one] as const))(
  "install.sh under %s refuses",
  (_, surroundings) => {
    test.each(CASES.map((one) => [one.name, one] as const))(
      "%s, and the old program stays",
      async (_name, one) => {
        const { run, files, program } = await upgrade(surroundings, (server) =>
          server.lieAbout(one.about, one.lie),
        );
        expect(run.stderr).toMatch(one.says);
        expect(run.status).toBe(1);
        expect(files).toEqual(["oz-agent-worker"]);
        expect(program).toBe(OLD);
      },
    );

    test.each([
      [
        "a program that does not start",
        "#!/nowhere/interpreter\n",
        /does not run here, and nothing was changed; it said: \S/,
      ],
      [
        "a program that fails",
        "#!/bin/sh\necho no library >&2\nexit 127\n",
        /nothing was changed; it said: no library/,
      ],
      ["another program", "#!/bin/sh\necho hello 1.0\n", /is not oz-agent-worker.*calls itself "hello 1.0"/],
    ])("%s, and the old one stays", async (_name, program, says) => {
      await using dir = await TempDir.create("install");
      await using server = await ReleaseServer.start({ program });
      const { run, program: kept } = await upgradeFrom(dir, server, surroundings);
      expect(run.stderr).toMatch(says);
      expect(run.status).toBe(1);
      expect(kept).toBe(OLD);
    });
  },
);

test("an older version under the address of a newer one is not installed", async () => {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start({ version: "2.0.0", program: programThatSays("1.0.0") });
  const { run, program } = await upgradeFrom(dir, server, DASH_CURL, { OZ_WORKER_VERSION: "2.0.0" });
  expect(run.stderr).toContain("is not oz-agent-worker 2.0.0");
  expect(program).toBe(OLD);
});

// It spoke of proxies and mirrors only.
test("a version that there is not is asked about", async () => {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start();
  const { run, program } = await upgradeFrom(dir, server, DASH_CURL, { OZ_WORKER_VERSION: "v0.0.9" });
  expect(run.stderr).toMatch(
    /404[\s\S]*cannot download .*SHA256SUMS: see above; is there a version 0\.0\.9\?/,
  );
  expect(program).toBe(OLD);
});

describe.concurrent.each(SURROUNDINGS.map((one) => [one.name, one] as const))(
  "under %s a server",
  (_, surroundings) => {
    // The static busybox of Debian crashes when it is given a limit, and its own is 900 s.
    if (!surroundings.busybox) {
      test("that sends nothing more is given up", async () => {
        const { run, program } = await upgrade(surroundings, (server) => server.lieAbout(ARCHIVE, silence), {
          OZ_WORKER_TIMEOUT: "1",
        });
        expect(run.stderr).toMatch(/cannot download .*tar\.gz/);
        expect(program).toBe(OLD);
      });
    }

    test("that sends in small pieces is waited for", async () => {
      const { run } = await upgrade(surroundings, (server) => server.lieAbout(ARCHIVE, inPieces), {
        OZ_WORKER_TIMEOUT: "2",
      });
      expect(run).toMatchObject({ status: 0 });
    });

    test("that redirects to another host is followed, as release downloads need", async () => {
      await using store = await ReleaseServer.start();
      const lie: Lie = (request, response) => {
        response.writeHead(302, { location: `${store.url}${request.url}` }).end();
        return true;
      };
      const { run } = await upgrade(surroundings, (server) => server.lieAbout("", lie));
      expect(run).toMatchObject({ status: 0 });
    });
  },
);

describe("without what it needs, before it downloads anything, install.sh says so:", () => {
  test.each([
    [["curl"], /needs sha256sum, shasum or openssl/],
    [["sha256sum"], /needs curl or wget/],
  ])("with only %j", async (tools, says) => {
    await using dir = await TempDir.create("install");
    await using server = await ReleaseServer.start();
    const { run } = await upgradeFrom(dir, server, { name: "little", shell: ["dash"], tools });
    expect(run.stderr).toMatch(says);
    expect(run.status).toBe(1);
    expect(server.requests).toEqual([]);
  });
});

describe("what the environment says wrongly is refused with a sentence:", () => {
  let server: ReleaseServer;
  beforeAll(async () => {
    server = await ReleaseServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    [{ OZ_WORKER_INSTALL_DIR: "bin" }, [], "OZ_WORKER_INSTALL_DIR is not an absolute path: bin"],
    [{ OZ_WORKER_VERSION: "../../etc" }, [], "OZ_WORKER_VERSION is no version: ../../etc"],
    [{ OZ_WORKER_TARGET: "plan9-x64" }, [], 'there is no release for "plan9-x64"'],
    [{ OZ_WORKER_TIMEOUT: "soon" }, [], "OZ_WORKER_TIMEOUT is not a whole number of seconds: soon"],
    [{ OZ_WORKER_BASE_URL: "" }, [], "set OZ_WORKER_BASE_URL"],
    [{}, ["--purge"], "--purge goes with --uninstall"],
    [{}, ["--force"], "unknown option --force"],
  ])("%j %j", async (env, args, says) => {
    await using dir = await TempDir.create("install");
    const run = await runInstaller({ dir, env: { OZ_WORKER_BASE_URL: server.url, ...env }, args });
    expect(run.stderr).toContain(says);
    expect(run.status).toBe(1);
    expect(server.requests).toEqual([]);
  });
});

interface Upgrade {
  readonly run: Run;
  readonly files: readonly string[];
  readonly program: string;
}

async function upgrade(
  surroundings: Surroundings,
  prepare: (server: ReleaseServer) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Upgrade> {
  await using dir = await TempDir.create("install");
  await using server = await ReleaseServer.start({ program: bigProgram() });
  prepare(server);
  return await upgradeFrom(dir, server, surroundings, env);
}

async function upgradeFrom(
  dir: TempDir,
  server: ReleaseServer,
  surroundings: Surroundings,
  env: Readonly<Record<string, string>> = {},
): Promise<Upgrade> {
  await dir.write("bin/oz-agent-worker", OLD, 0o755);
  const run = await runInstaller({
    dir,
    in: surroundings,
    env: { OZ_WORKER_BASE_URL: server.url, OZ_WORKER_INSTALL_DIR: dir.join("bin"), ...env },
  });
  const program = await readFile(dir.join("bin/oz-agent-worker"), "utf8");
  return { run, files: await readdir(dir.join("bin")), program };
}

/** More than fits into the first packets. */
function bigProgram(): string {
  const noise = Array.from({ length: 20_000 }, (_, index) => `# ${Bun.hash(String(index))}`);
  return `${programThatSays("9.9.9")}${noise.join("\n")}\n`;
}

const silence: Lie = () => true;

const inPieces: Lie = (_, response, content) => {
  if (content === null) return false;
  response.writeHead(200, { "content-length": content.length });
  const pieceBytes = Math.ceil(content.length / 8);
  let sent = 0;
  const timer = setInterval(() => {
    response.write(content.subarray(sent, sent + pieceBytes));
    sent += pieceBytes;
    if (sent < content.length) return;
    clearInterval(timer);
    response.end();
  }, 50);
  return true;
};
