/** A worker that is told to stop while its cluster keeps it waiting. */
import { expect, test } from "bun:test";
import { TempDir } from "../support/temp-dir.ts";
import { WorkerProcess } from "../support/worker-process.ts";

test("a stop is heeded at once while the API server does not answer, and is no failure", async () => {
  const asked = Promise.withResolvers<void>();
  const silent = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => asked.resolve(), data: () => {} },
  });
  await using dir = await TempDir.create("silent");
  const kubeconfig = await dir.write(
    "config",
    JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
      clusters: [{ name: "c", cluster: { server: `https://127.0.0.1:${silent.port}` } }],
      users: [{ name: "c", user: { token: "t" } }],
    }),
  );
  await using worker = await WorkerProcess.start({
    flags: ["--worker-id", "w", "--backend", "kubernetes", "--web-socket-url", "ws://127.0.0.1:9/"],
    env: { KUBECONFIG: kubeconfig },
  });
  await asked.promise;
  expect(await worker.stop("SIGTERM", 5_000)).toBe(0);
  expect(worker.stderr).not.toContain("AbortError");
  silent.stop(true);
});
