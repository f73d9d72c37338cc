/** A dispatch of a dead worker, whose end its shim has written down. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createCommandBackend } from "../../../../src/backends/command/create.ts";
import { writeExitFile } from "../../../../src/process/shim/exit-file.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { recordLog } from "../../logging/recorded-log.ts";

// Once one that was taken over was "starting" for as long as it took, for whoever asked how it does.
test("is seen in the same step as one of its own", async () => {
  await using dir = await TempDir.create("dispatch");
  const exitFile = dir.join("exit");
  writeExitFile(exitFile, { status: 0, at: Date.now() });
  const log = recordLog();
  await using backend = createCommandBackend(
    {
      kind: "command",
      dispatchCommand: "exit 1",
      cancelCommand: null,
      dispatchTimeoutMs: 60_000,
      handedOffTtlMs: 60_000,
      workingDir: dir.path,
      environment: [],
    },
    {
      workerId: "w",
      serverRootUrl: "https://example.com",
      graceMs: 1_000,
      workerEnvironment: {},
      folders: () => null,
      shimCommand: [],
      log,
    },
  );
  const steps: string[] = [];
  const { signal } = new AbortController();
  const ref = { taskId: "t", executionId: "e" };
  const handle = {
    exitFile,
    deadline: Date.now() + 60_000,
    pid: 2 ** 22 + 1,
    startedAt: "1",
    bootId: "before",
  };
  const completion = await backend.resume(ref, handle, {
    signal,
    hurry: signal,
    log,
    saveHandle: () => {},
    step: (name, work) => {
      steps.push(name);
      return work();
    },
  });
  expect([completion, steps]).toEqual(["handed-off", ["run"]]);
  backend.forget(ref);
  expect(existsSync(exitFile)).toBe(false);
});
