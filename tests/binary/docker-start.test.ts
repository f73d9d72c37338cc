/** A worker that is told to stop while its engine keeps it waiting. */
import { expect, test } from "bun:test";
import { TempDir } from "../support/temp-dir.ts";
import { WorkerProcess } from "../support/worker-process.ts";

// Once it waited for the rest of 15 s, and then called it an error: exit status 1 for a stop.
test("a stop is heeded at once while the engine does not answer, and is no failure", async () => {
  const asked = Promise.withResolvers<void>();
  await using dir = await TempDir.create("silent");
  const socket = dir.join("engine.sock");
  const silent = Bun.listen({ unix: socket, socket: { open: () => asked.resolve(), data: () => {} } });
  await using worker = await WorkerProcess.start({
    flags: ["--worker-id", "w", "--backend", "docker", "--web-socket-url", "ws://127.0.0.1:9/"],
    env: { DOCKER_HOST: `unix://${socket}` },
  });
  await asked.promise;
  expect(await worker.stop("SIGTERM", 5_000)).toBe(0);
  expect(worker.stderr).not.toMatch(/ (?:WARN|ERROR) /);
  silent.stop(true);
});
