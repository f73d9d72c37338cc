/** The image as operators run it: not root, root file system read-only, on a real engine. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { writeImageContext } from "../../scripts/release/image.ts";
import { type TarEntry, tarOf } from "../../scripts/services/tar.ts";
import { baseEntries } from "../../scripts/services/test-images.ts";
import { DockerApi } from "../support/live-docker-api.ts";
import { DockerSite } from "../support/live-docker-site.ts";
import { type LiveEngine, onEachEngine } from "../support/live-services.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import { TEST_API_KEY, workerCommand } from "../support/worker-process.ts";

const ROOT = resolve(import.meta.dir, "../..");
const HEALTH = "--health-address=127.0.0.1:0";

interface Health {
  readonly State: {
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string; readonly Log: readonly { readonly Output: string }[] };
  };
}

onEachEngine(
  "the image",
  (engine: LiveEngine) => {
    const name = `oz-agent-worker-test-${crypto.randomUUID().slice(0, 8)}`;
    const api = new DockerApi(engine.socket);
    let dir: TempDir;

    beforeAll(async () => {
      dir = await TempDir.create("image");
      const [executable = ""] = workerCommand();
      await writeImageContext({ outdir: dir.join("context"), executable });
      await writeFile(dir.join("context/Dockerfile"), await readFile(`${ROOT}/Dockerfile`));
      await build(api, dir.join("context"), name, { VERSION: "1.2.3", COMMIT: "abc" });
    }, 120_000);
    afterAll(async () => {
      await api.ask("DELETE", `/images/${name}?force=1`);
      await dir[Symbol.asyncDispose]();
    });

    test("says what it is", async () => {
      const { Config } = (await api.ask("GET", `/images/${name}/json`)) as {
        Config: { User: string; Labels: Record<string, string> };
      };
      expect(Config.User).toBe("10001:10001");
      expect(Config.Labels).toMatchObject({
        "org.opencontainers.image.title": "oz-agent-worker",
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.revision": "abc",
        "org.opencontainers.image.licenses": "Apache-2.0",
      });
      const base = await stat(dir.join("context/base.tar"));
      expect(base.size).toBeLessThan(6_000_000);
    });

    test("takes a task and is healthy, as nobody's root, with a root file system that it cannot write", async () => {
      await using site = await DockerSite.create(engine);
      const port = freePort();
      const container = await api.start({
        Image: name,
        Cmd: [
          ...["--config-file", "/worker.yaml", "--web-socket-url", site.plane.webSocketUrl],
          `--health-address=127.0.0.1:${port}`,
        ],
        Env: [`WARP_API_KEY=${TEST_API_KEY}`, "DOCKER_HOST=unix:///docker.sock"],
        Healthcheck: {
          Test: ["CMD", "oz-agent-worker", "health", "--address", `127.0.0.1:${port}`],
          Interval: 1_000_000_000,
        },
        HostConfig: {
          // To the control plane on this host's loopback address.
          NetworkMode: "host",
          ReadonlyRootfs: true,
          CapDrop: ["ALL"],
          SecurityOpt: ["no-new-privileges"],
          GroupAdd: [String((await stat(engine.socket)).gid)],
          Binds: [
            `${await site.dir.write("worker.yaml", site.config())}:/worker.yaml:ro`,
            `${engine.socket}:/docker.sock`,
          ],
        },
      });
      try {
        const { taskId } = site.plane.submit(site.task({ sh: "echo hello" }));
        expect((await site.plane.waitForTask(taskId, [], { timeoutMs: 40_000 })).state).toBe("completed");
        const logs = await api.logs(container);
        expect(logs).not.toMatch(/journal|read-only/i);
        await eventually(
          async () => (await inspect(api, container)).State.Health?.Status === "healthy",
          "the engine to find it healthy",
          { timeoutMs: 30_000 },
        );
        // The first process passes the signal on.
        await api.ask("POST", `/containers/${container}/stop?t=30`);
        expect((await inspect(api, container)).State.ExitCode).toBe(0);
      } finally {
        await api.remove(container);
      }
    }, 120_000);

    test("is asked by the engine how it is, as the image says, also while it has no connection", async () => {
      const container = await api.start({
        Image: name,
        Cmd: ["--worker-id=w", "--health-address=127.0.0.1:8152", "--web-socket-url=ws://127.0.0.1:1/"],
        Env: [`WARP_API_KEY=${TEST_API_KEY}`, "DOCKER_HOST=unix:///docker.sock"],
        // The rest is the image's.
        Healthcheck: { Interval: 1_000_000_000 },
        HostConfig: {
          // A loopback address of its own.
          NetworkMode: "none",
          GroupAdd: [String((await stat(engine.socket)).gid)],
          Binds: [`${engine.socket}:/docker.sock`],
        },
      });
      try {
        await eventually(
          async () => (await inspect(api, container)).State.Health?.Status === "healthy",
          "the engine to find it healthy",
          { timeoutMs: 30_000 },
        );
      } finally {
        await api.remove(container);
      }
    }, 60_000);

    test("three lines put the worker into an image that has what agents need", async () => {
      const context = await dir.mkdir("runner");
      const page = await readFile(`${ROOT}/docs/install.md`, "utf8");
      const snippet = /```dockerfile\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
      const lines = snippet
        .trim()
        .split("\n")
        .filter((line) => !line.startsWith("FROM"));
      expect(lines).toHaveLength(2);
      const runner = `FROM scratch\nADD base.tar /\nADD tools.tar /\n${lines.join("\n")}\n`;
      await writeFile(`${context}/Dockerfile`, runner.replace(/--from=\S+/, `--from=${name}`));
      await writeFile(`${context}/base.tar`, await readFile(dir.join("context/base.tar")));
      await writeFile(`${context}/tools.tar`, tarOf(withoutUsers(await baseEntries())));
      await build(api, context, `${name}-runner`, {});
      const container = await api.start({ Image: `${name}-runner`, Cmd: ["version"] });
      try {
        expect(await api.wait(container)).toBe(0);
        expect(await api.logs(container)).toContain("oz-agent-worker ");
      } finally {
        await api.remove(container);
        await api.ask("DELETE", `/images/${name}-runner?force=1`);
      }
    }, 120_000);

    test("without a key it says so, and ends with the status of a bad configuration", async () => {
      const container = await api.start({ Image: name, Cmd: ["--worker-id=w", HEALTH] });
      try {
        expect(await api.wait(container)).toBe(2);
        expect(await api.logs(container)).toContain("WARP_API_KEY");
      } finally {
        await api.remove(container);
      }
    });
  },
  ["debian"],
);

async function build(
  { socket }: DockerApi,
  context: string,
  name: string,
  args: Readonly<Record<string, string>>,
): Promise<void> {
  const query = new URLSearchParams({ t: name, buildargs: JSON.stringify(args), forcerm: "1" });
  const tar = Bun.spawn(["tar", "-C", context, "-c", "."], { stdout: "pipe" });
  const response = await fetch(`http://docker/build?${query}`, {
    method: "POST",
    unix: socket,
    timeout: false,
    headers: { "Content-Type": "application/x-tar" },
    body: tar.stdout,
  });
  const said = await response.text();
  if (!response.ok || said.includes('"error"')) throw new Error(`The image was not built: ${said}`);
}

async function inspect(api: DockerApi, id: string): Promise<Health> {
  return (await api.ask("GET", `/containers/${id}/json`)) as Health;
}

function withoutUsers(entries: readonly TarEntry[]): TarEntry[] {
  return entries.filter(({ path }) => !path.startsWith("etc") && !path.startsWith("tmp"));
}

function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  return server.port;
}
