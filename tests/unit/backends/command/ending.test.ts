/** A dispatch that an earlier worker had told to end, and whose end nobody saw: why it ended is not forgotten. */
import { expect, test } from "bun:test";
import { CommandBackend } from "../../../../src/backends/command/command.ts";
import { MARK_NAMES } from "../../../../src/backends/command/environment.ts";
import { type Ending, writeHandle } from "../../../../src/backends/command/handle.ts";
import { ShimClient } from "../../../../src/process/shim/client.ts";
import { writeExitFile } from "../../../../src/process/shim/exit-file.ts";
import { Surveyor } from "../../../../src/process/stragglers.ts";
import { runToOutcome } from "../../../../src/task/run.ts";
import { TempDir } from "../../../support/temp-dir.ts";
import { recordLog } from "../../logging/recorded-log.ts";

const never = () => {
  throw new Error("nothing is started");
};

function backendIn(dir: string): CommandBackend {
  return new CommandBackend({
    settings: {
      kind: "command",
      dispatchCommand: "true",
      cancelCommand: null,
      dispatchTimeoutMs: 60_000,
      handedOffTtlMs: 60_000,
      workingDir: dir,
      environment: [],
    },
    shim: new ShimClient({ command: [], openFiles: 1024 }, never),
    surveyor: new Surveyor(MARK_NAMES),
    graceMs: 0,
    environments: { worker: {}, operator: {} },
    secrets: [],
    workerId: "w",
    serverRootUrl: "https://server",
    folders: () => null,
  });
}

async function outcomeOf(ending: Ending | null, status: number) {
  await using dir = await TempDir.create("ending");
  const exitFile = dir.join("exit");
  writeExitFile(exitFile, { status, at: Date.now() });
  const gone = { pid: 2 ** 22 + 1, startedAt: "1", bootId: "another" };
  const handle = writeHandle({ exitFile, deadline: Date.now() + 60_000, ending, process: gone });
  const { signal } = new AbortController();
  await using backend = backendIn(dir.path);
  const resumed = backend.resume({ taskId: "t", executionId: "e" }, handle, {
    signal,
    hurry: signal,
    log: recordLog(),
    saveHandle: never,
    step: (_name, work) => work(),
  });
  return await runToOutcome(resumed, signal);
}

test.each<[Ending | null, number, object]>([
  [null, 143, { kind: "failed", reason: "dispatch_command", exitCode: 143 }],
  ["shutdown", 143, { kind: "failed", reason: "graceful_shutdown" }],
  ["shutdown", 5, { kind: "failed", reason: "graceful_shutdown" }],
  ["shutdown", 0, { kind: "handed-off" }],
  ["over-time", 143, { kind: "failed", reason: "dispatch_timeout" }],
  ["over-time", 0, { kind: "failed", reason: "dispatch_timeout" }],
])("told to end for %p and ended with %d", async (ending, status, expected) => {
  expect(await outcomeOf(ending, status)).toMatchObject(expected);
});
