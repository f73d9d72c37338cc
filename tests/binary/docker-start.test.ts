/** The start of a worker whose engine keeps it waiting, or is of no use to it. */
import { expect, test } from "bun:test";
import { FakeEngine, json } from "../support/fake-engine.ts";
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

test.each([
  ["linux", "s390x"],
  ["windows", "amd64"],
])(
  "an engine that runs %s/%s is refused at the start, with what tasks need and how to choose another",
  async (os, arch) => {
    await using fake = await FakeEngine.start();
    fake.on("GET", "/version", (response) =>
      json(response, { Version: "27.0.1", ApiVersion: "1.47", Os: os, Arch: arch }),
    );
    await using worker = await WorkerProcess.start({
      flags: ["--worker-id", "w", "--backend", "docker", "--web-socket-url", "ws://127.0.0.1:9/"],
      env: { DOCKER_HOST: fake.host },
    });
    expect(await worker.exited).toBe(1);
    expect(worker.stderr).toContain(
      `it runs ${os}/${arch}, and tasks need linux/amd64 or linux/arm64; choose another with DOCKER_HOST or DOCKER_CONTEXT`,
    );
  },
);
