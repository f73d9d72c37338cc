/** A dispatch of a dead worker, whose end its shim has written down. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { createCommandBackend } from "../../../../src/backends/command/create.ts";
import { identify } from "../../../../src/process/process-table.ts";
import { writeExitFile, writeNeverBegun } from "../../../../src/process/shim/exit-file.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { recordLog } from "../../logging/recorded-log.ts";

const log = recordLog();
const ref = { taskId: "t", executionId: "e" };

function backendIn(workingDir: string, dispatchTimeoutMs: number) {
  return createCommandBackend(
    {
      kind: "command",
      dispatchCommand: "exit 1",
      cancelCommand: null,
      dispatchTimeoutMs,
      handedOffTtlMs: 60_000,
      workingDir,
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
}

function contextThat(step: (name: string) => void) {
  const { signal } = new AbortController();
  const stepped = <T>(name: string, work: () => Promise<T>) => {
    step(name);
    return work();
  };
  return { signal, hurry: signal, log, saveHandle: () => {}, step: stepped };
}

// Once one that was taken over was "starting" for as long as it took, for whoever asked how it does.
test("is seen in the same step as one of its own", async () => {
  await using dir = await TempDir.create("dispatch");
  const exitFile = dir.join("exit");
  writeExitFile(exitFile, { status: 0, at: Date.now() });
  await using backend = backendIn(dir.path, 60_000);
  const steps: string[] = [];
  const handle = {
    exitFile,
    deadline: Date.now() + 60_000,
    pid: 2 ** 22 + 1,
    startedAt: "1",
    bootId: "before",
  };
  const context = contextThat((name) => void steps.push(name));
  const completion = await backend.resume(ref, handle, context);
  expect([completion, steps]).toEqual(["handed-off", ["run"]]);
  backend.forget(ref);
  expect(existsSync(exitFile)).toBe(false);
});

test("has no more time than any other, though the clock was set back since it began", async () => {
  await using dir = await TempDir.create("dispatch");
  await using backend = backendIn(dir.path, 50);
  const dispatch = Bun.spawn(["sleep", "60"], { detached: true });
  const deadline = Date.now() + 86_400_000;
  const handle = { exitFile: dir.join("exit"), deadline, ...identify(dispatch.pid) };
  const resumed = backend.resume(
    ref,
    handle,
    contextThat(() => {}),
  );
  await expect(resumed).rejects.toMatchObject({ reason: "dispatch_timeout" });
  expect(await dispatch.exited).toBe(143);
});

describe("that was not heard of before its worker was killed", () => {
  const resumed = async (exitFile: string) => {
    await using backend = backendIn("/", 60_000);
    const handle = { exitFile, deadline: Date.now() + 60_000, pid: null };
    return await backend.resume(
      ref,
      handle,
      contextThat(() => {}),
    );
  };

  // Shim and worker were killed right after it had been begun, and it was told of as not dispatched and safe to retry.
  test("is not said to be safe to retry: it may have ended with its shim", async () => {
    await using dir = await TempDir.create("dispatch");
    await expect(resumed(dir.join("exit"))).rejects.toThrow(
      /nobody knows whether .* look whether your engine has the task before it is retried$/,
    );
  });

  test("is, where its shim has written down that it did not begin it; of that nothing is left", async () => {
    await using dir = await TempDir.create("dispatch");
    writeNeverBegun(dir.join("exit"));
    await expect(resumed(dir.join("exit"))).rejects.toThrow("it is safe to retry");
    expect(existsSync(dir.join("exit"))).toBe(false);
  });
});
