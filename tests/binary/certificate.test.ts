/** Who the worker gives its key to. */
import { expect, test } from "bun:test";
import { TempDir } from "../support/temp-dir.ts";
import { TestPki } from "../support/test-pki.ts";
import { WorkerProcess } from "../support/worker-process.ts";

// Once this variable, which is meant for other programs of the host, switched the check off.
test("NODE_TLS_REJECT_UNAUTHORIZED=0 does not make it trust a control plane that nobody vouches for", async () => {
  await using pki = await TestPki.create();
  await using dir = await TempDir.create("certificate");
  const seen: (string | null)[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: pki.server.cert, key: pki.server.key },
    fetch: ({ headers }) => {
      seen.push(headers.get("authorization"));
      return new Response(null, { status: 400 });
    },
  });
  const direct = { workspace_root: dir.join("ws"), oz_path: "/bin/true" };
  await using worker = await WorkerProcess.start({
    config: JSON.stringify({ worker_id: "w", backend: { direct } }),
    flags: ["--web-socket-url", `wss://localhost:${server.port}/`],
    env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
  });
  await worker.waitForLog(/cannot connect to the control plane .*(certificate|issuer)/i);
  expect(seen).toEqual([]);
});
