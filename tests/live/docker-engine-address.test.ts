/** Finding the engine: by every way an operator may name it, and plain words when it is not there. */
import { expect, test } from "bun:test";
import { once } from "node:events";
import { chmod, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { DockerSite } from "../support/live-docker-site.ts";
import { onEachEngine } from "../support/live-services.ts";
import { workerCommand } from "../support/worker-process.ts";

interface Unreachable {
  readonly what: string;
  /** @returns DOCKER_HOST, and what closes it */
  readonly make: (site: DockerSite) => Promise<{ host: string; close: () => void }>;
  readonly says: RegExp;
}

const HTML = "<html><body>Blocked by the proxy</body></html>";

const UNREACHABLE: readonly Unreachable[] = [
  {
    what: "no engine at all",
    make: async (site) => ({ host: `unix://${site.dir.join("none.sock")}`, close: () => undefined }),
    says: /none\.sock/,
  },
  {
    what: "a file that is no socket",
    make: async (site) => ({
      host: `unix://${await site.dir.write("file.sock", "")}`,
      close: () => undefined,
    }),
    says: /file\.sock/,
  },
  {
    what: "a port where nobody listens",
    make: async () => ({ host: "tcp://127.0.0.1:9", close: () => undefined }),
    says: /127\.0\.0\.1:9/,
  },
  {
    what: "a proxy that answers HTML",
    make: async () => {
      const server = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        fetch: () => new Response(HTML, { status: 200, headers: { "Content-Type": "text/html" } }),
      });
      return { host: `tcp://127.0.0.1:${server.port}`, close: () => void server.stop(true) };
    },
    says: /127\.0\.0\.1:\d+/,
  },
  {
    what: "something that is no HTTP server",
    make: async () => {
      const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")).listen(0, "127.0.0.1");
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      return { host: `tcp://127.0.0.1:${port}`, close: () => void server.close() };
    },
    says: /127\.0\.0\.1:\d+/,
  },
  {
    what: "an address that is none",
    make: async () => ({ host: "not an address", close: () => undefined }),
    says: /DOCKER_HOST/,
  },
];

onEachEngine("the engine's address", ({ socket, registry }) => {
  test("a docker context that is current is used, and the log says why", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const home = site.dir.join("home");
    const id = new Bun.CryptoHasher("sha256").update("live").digest("hex");
    const meta = { Name: "live", Endpoints: { docker: { Host: `unix://${socket}` } } };
    await site.dir.write(`home/.docker/contexts/meta/${id}/meta.json`, JSON.stringify(meta));
    await site.dir.write("home/.docker/config.json", JSON.stringify({ currentContext: "live" }));
    await using worker = await site.start({ env: { HOME: home, DOCKER_HOST: "" } });
    await worker.waitForLog(/live/);
    expect((await site.run({})).state).toBe("completed");
  });

  test("a rootless engine's socket is found in the runtime folder, as the last resort", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const runtime = await site.dir.mkdir("run");
    await symlink(socket, join(runtime, "docker.sock"));
    const env = { DOCKER_HOST: "", XDG_RUNTIME_DIR: runtime };
    await using worker = await site.start({ env });
    await worker.waitForLog(/docker\.sock/);
    expect((await site.run({})).state).toBe("completed");
  });

  test("a volume that mounts the engine's socket into tasks is warned of", async () => {
    await using site = await DockerSite.create({ socket, registry });
    const docker = { volumes: [`${site.control}:/control`, `${socket}:/var/run/docker.sock`] };
    await using worker = await site.start({ docker });
    await worker.waitForLog(/warn.*socket|socket.*warn/i);
  });
});

/** No engine takes part in these: once is enough. */
onEachEngine(
  "no engine",
  ({ socket, registry }) => {
    test.each(UNREACHABLE)("$what: exit 1 with the address and what to do", async ({ make, says }) => {
      await using site = await DockerSite.create({ socket, registry });
      const { host, close } = await make(site);
      try {
        await using worker = await site.start({ env: { DOCKER_HOST: host }, connected: false });
        expect(await worker.finished(30_000)).toBe(1);
        expect(worker.stderr).toMatch(says);
        expect(worker.stderr).not.toContain("<html>");
        // One sentence for the operator, not a stack.
        expect(worker.stderr).not.toMatch(/\n\s+at /);
        expect(site.plane.tasks()).toEqual([]);
      } finally {
        close();
      }
    });

    test("a socket that may not be opened is told with the group that may", async () => {
      await using site = await DockerSite.create({ socket, registry });
      const runAs = Bun.which("setpriv");
      if (runAs === null) throw new Error("This test needs setpriv of util-linux");
      const path = site.dir.join("closed.sock");
      const server = createServer().listen(path);
      await once(server, "listening");
      await chmod(path, 0o000);
      // Root without what makes modes meaningless to it.
      const bounded = [runAs, "--bounding-set=-dac_override,-dac_read_search", ...workerCommand()];
      await using worker = await site.start({
        command: bounded,
        env: { DOCKER_HOST: `unix://${path}` },
        connected: false,
      });
      expect(await worker.finished(30_000)).toBe(1);
      expect(worker.stderr).toMatch(/permission/i);
      expect(worker.stderr).toMatch(/group/i);
      server.close();
    });
  },
  ["debian"],
);
