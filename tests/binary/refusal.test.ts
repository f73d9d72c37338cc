/** A key that is refused, and the way to the control plane through a proxy. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { assignment } from "../support/assignments.ts";
import { ConnectProxy } from "../support/connect-proxy.ts";
import { DirectSite } from "../support/direct-site.ts";
import { WorkerProcess } from "../support/worker-process.ts";

const WRONG_KEY = "wk-wrong-9d1f";

describe("a key that is refused at the first connect", () => {
  test.each([401, 403])("with %d ends the worker with status 77", async (status) => {
    await using site = await DirectSite.create();
    site.plane.faults.refuse(status);
    await using worker = await site.start({ connected: false });
    expect(await worker.finished()).toBe(77);
    expect(site.plane.handshakes).toHaveLength(1);
    expect(worker.stderr).toMatch(new RegExp(`ERROR .*refused the key.*status=${status}.*key=WARP_API_KEY`));
  });

  test("is named by its source and never shown", async () => {
    await using site = await DirectSite.create();
    const file = await site.dir.write("key", `${WRONG_KEY}\n`, 0o600);
    const sources = [
      { flags: ["--api-key", WRONG_KEY], apiKey: null, says: "key=--api-key" },
      { flags: ["--api-key-file", file], says: `key="file ${file} (--api-key-file)"` },
      { top: { api_key_file: file }, says: `key="file ${file} (api_key_file)"` },
      { apiKey: WRONG_KEY, says: "key=WARP_API_KEY" },
      { apiKey: null, env: { WARP_API_KEY_FILE: file }, says: `key="file ${file} (WARP_API_KEY_FILE)"` },
    ];
    for (const { says, ...options } of sources) {
      await using worker = await site.start({ ...options, connected: false });
      expect(await worker.finished()).toBe(77);
      expect(worker.stderr).toContain(says);
      expect(worker.stderr + worker.stdout).not.toContain(WRONG_KEY);
    }
  });

  test("does not end one that finds the control plane down first: only an answer is a refusal", async () => {
    await using site = await DirectSite.create();
    site.plane.faults.refuse(503, 1);
    await using worker = await site.start();
    expect(worker.stderr).toMatch(/WARN .*refused the connection.*status=503/);
    expect((await site.run(assignment())).state).toBe("completed");
  });
});

// Once it said nothing of itself, was told 403, and ended with words about its key, which nobody had looked at.
test("a gateway that turns away who does not say what it is lets the worker through", async () => {
  await using site = await DirectSite.create();
  const said: (string | null)[] = [];
  using gateway = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => {
      said.push(request.headers.get("user-agent"));
      if (!said.at(-1)) return new Response("error code: 1010", { status: 403 });
      return server.upgrade(request) ? undefined : new Response(null, { status: 400 });
    },
    websocket: { message: () => {} },
  });
  await using worker = await WorkerProcess.start({
    config: site.config(),
    flags: ["--web-socket-url", `ws://127.0.0.1:${gateway.port}/ws`],
  });
  await worker.waitForLog(/connected to the control plane|refused/);
  expect(worker.stderr).not.toContain("refused");
  expect(said).toEqual([expect.stringMatching(/^oz-agent-worker\/\d+\.\d+\.\d+/)]);
});

describe("a key file", () => {
  test("is read again at every connect, so a rotated key needs no restart", async () => {
    await using site = await DirectSite.create({ apiKey: "first" });
    const file = await site.dir.write("key", "first\n", 0o600);
    await using worker = await site.start({ apiKey: null, flags: ["--api-key-file", file] });
    await writeFile(file, "second");
    site.plane.apiKey = "second";
    site.plane.faults.drop();
    await site.plane.waitForConnection(2);
    expect((await site.run(assignment())).state).toBe("completed");
    expect(worker.stderr).not.toContain("refused");
  });

  test("that is gone for a while is waited for", async () => {
    await using site = await DirectSite.create({ apiKey: "first" });
    const file = await site.dir.write("key", "first\n", 0o600);
    await using worker = await site.start({ apiKey: null, flags: ["--api-key-file", file] });
    await writeFile(file, "");
    site.plane.faults.drop();
    await worker.waitForLog(/cannot connect to the control plane.*API key in the file.*is empty/);
    await writeFile(file, "first\n");
    await site.plane.waitForConnection(2);
    expect((await site.run(assignment())).state).toBe("completed");
  });
});

/** The address that the variables below speak of. */
const AT_LOCALHOST = { host: "127.0.0.1" };

describe("a proxy", () => {
  test.each(["HTTP_PROXY", "http_proxy"])(
    "named by %s is asked for a tunnel, with its credentials",
    async (name) => {
      await using site = await DirectSite.create(AT_LOCALHOST);
      await using proxy = await ConnectProxy.start();
      const env = { [name]: proxy.url.replace("//", "//user:p%40ss@") };
      await using worker = await site.start({ env, flags: ["--log-level", "debug"] });
      expect((await site.run(assignment())).state).toBe("completed");
      expect(proxy.tunnels).toEqual([
        {
          request: `CONNECT 127.0.0.1:${site.plane.port} HTTP/1.1`,
          credentials: `Basic ${btoa("user:p@ss")}`,
        },
      ]);
      expect(worker.stderr).not.toMatch(/p%40ss|p@ss/);
    },
  );

  test.each(["127.0.0.1", "127.0.0.0/8", "*", "example.com, 127.0.0.1:PORT"])(
    "is passed by for what NO_PROXY=%s names",
    async (exempt) => {
      await using site = await DirectSite.create(AT_LOCALHOST);
      await using proxy = await ConnectProxy.start();
      const NO_PROXY = exempt.replace("PORT", String(site.plane.port));
      await using _worker = await site.start({ env: { HTTP_PROXY: proxy.url, NO_PROXY } });
      expect(proxy.tunnels).toEqual([]);
    },
  );

  test("is not passed by for what NO_PROXY does not name, and HTTPS_PROXY is none for plain HTTP", async () => {
    await using site = await DirectSite.create(AT_LOCALHOST);
    await using proxy = await ConnectProxy.start();
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: "127.0.0.2,10.0.0.0/8,127.0.0.1:1,.0.0.1" };
    await using _worker = await site.start({ env });
    expect(proxy.tunnels).toHaveLength(1);
    await using _other = await site.start({ env: { HTTPS_PROXY: proxy.url } });
    expect(proxy.tunnels).toHaveLength(1);
  });

  test("that is not there is an outage like any other", async () => {
    await using site = await DirectSite.create(AT_LOCALHOST);
    const proxy = await ConnectProxy.start();
    await proxy[Symbol.asyncDispose]();
    await using worker = await site.start({ env: { HTTP_PROXY: proxy.url }, connected: false });
    await worker.waitForLog(/WARN .*cannot connect to the control plane/);
    expect(await worker.stop()).toBe(0);
  });

  test("does not reach the agent by its variables, and setup_command by all of them", async () => {
    await using site = await DirectSite.create(AT_LOCALHOST);
    await using proxy = await ConnectProxy.start();
    const direct = { setup_command: 'echo "SEEN=$HTTP_PROXY" >"$OZ_ENVIRONMENT_FILE"' };
    await using _worker = await site.start({ env: { HTTP_PROXY: proxy.url }, direct });
    const { taskId } = await site.run(assignment());
    const agent = site.agent.runs(taskId)[0]?.env ?? {};
    expect(agent["SEEN"]).toBe(proxy.url);
    expect(agent).not.toHaveProperty("HTTP_PROXY");
  });
});
