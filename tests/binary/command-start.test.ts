/** A Command backend that could hand nothing over: a clear line at start where that can be known. */
import { describe, expect, test } from "bun:test";
import { assignment } from "../support/assignments.ts";
import { CommandSite } from "../support/command-site.ts";
import { TempDir } from "../support/temp-dir.ts";
import { WorkerProcess } from "../support/worker-process.ts";

async function refused(block: unknown, dir?: TempDir) {
  const config = JSON.stringify({ worker_id: "bar", backend: { command: block } });
  const flags = ["--web-socket-url", "ws://127.0.0.1:9/none"];
  await using worker = await WorkerProcess.start({ config, flags, ...(dir ? { cwd: dir.path } : {}) });
  const status = await worker.finished();
  return { status, said: worker.stderr };
}

describe("a file that says what cannot be is refused with status 2 and the key:", () => {
  const TABLE: readonly [string, unknown, RegExp][] = [
    ["no dispatch_command", { cancel_command: "x" }, /worker\.yaml:1:\d+: .*dispatch_command/],
    [
      "a dispatch_command of white space, which no shell would call wrong",
      { dispatch_command: " \n" },
      /dispatch_command must not be empty/,
    ],
    ["an empty dispatch_command", { dispatch_command: "" }, /dispatch_command must not be empty/],
    [
      "a timeout of 0",
      { dispatch_command: "x", dispatch_timeout: "0s" },
      /dispatch_timeout must be longer than 0s/,
    ],
    [
      "a timeout of 0 without a unit",
      { dispatch_command: "x", dispatch_timeout: "0" },
      /dispatch_timeout must be longer/,
    ],
    [
      "a timeout as a number",
      { dispatch_command: "x", dispatch_timeout: 5 },
      /dispatch_timeout must be a duration/,
    ],
    [
      "a timeout in words",
      { dispatch_command: "x", dispatch_timeout: "5 minutes" },
      /dispatch_timeout must be a duration such as "30s" or "1m30s"/,
    ],
    [
      "a negative timeout",
      { dispatch_command: "x", dispatch_timeout: "-1s" },
      /dispatch_timeout must be a duration/,
    ],
    [
      "a memory of less than a day",
      { dispatch_command: "x", handed_off_ttl: "1h" },
      /handed_off_ttl must be 1day or longer/,
    ],
    ["a misspelt key", { dispatch_comand: "x" }, /dispatch_comand.*dispatch_command/],
  ];
  test.each(TABLE)("%s", async (_what, block, says) => {
    const { status, said } = await refused(block);
    expect(said).toMatch(says);
    expect(status).toBe(2);
  });

  test("no file at all", async () => {
    await using worker = await WorkerProcess.start({ flags: ["--worker-id", "bar", "--backend", "command"] });
    expect(await worker.finished()).toBe(2);
    expect(worker.stderr).toContain("backend.command.dispatch_command");
  });
});

describe("a command that provably cannot run is refused at start with status 1 and what to do:", () => {
  const TABLE: readonly [string, object, string][] = [
    [
      "a path to nothing",
      { dispatch_command: "/no/such/dispatch" },
      "dispatch_command: /no/such/dispatch: there is no such file",
    ],
    [
      "a path to nothing, with arguments",
      { dispatch_command: '/no/such/dispatch --queue "$Q"' },
      "there is no such file",
    ],
    ["a relative path to nothing", { dispatch_command: "./dispatch" }, "./dispatch: there is no such file"],
    [
      "a file that nobody may execute",
      { dispatch_command: "./plain" },
      "./plain: it is not an executable file",
    ],
    ["a folder", { dispatch_command: "./folder" }, "./folder: it is not an executable file"],
    [
      "a name that PATH does not have",
      { dispatch_command: "no-such-dispatcher -v" },
      "no such program on PATH",
    ],
    [
      "the same for cancel_command",
      { dispatch_command: "true", cancel_command: "./plain" },
      "cancel_command: ./plain",
    ],
  ];
  test.each(TABLE)("%s", async (_what, block, says) => {
    await using dir = await TempDir.create("place");
    await dir.write("plain", "#!/bin/sh\n", 0o644);
    await dir.mkdir("folder");
    const { status, said } = await refused(block, dir);
    expect(said).toContain(says);
    expect(said).toContain("correct backend.command.");
    expect(status).toBe(1);
  });
});

test("what the shell alone can judge starts, and fails at the first task", async () => {
  await using site = await CommandSite.create();
  await using _worker = await site.start({ dispatch: "no-such-dispatcher || /no/such/fallback" });
  const { failureReason, exitCode, message } = await site.run(assignment());
  expect([failureReason, exitCode]).toEqual(["dispatch_command", 127]);
  expect(message).toContain("/no/such/fallback");
});
