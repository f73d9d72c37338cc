/** What a start hangs on when it should not: a config file that is a pipe, and a `dev` that is gone. */
import { expect, test } from "bun:test";
import { open } from "node:fs/promises";
import { TempDir } from "../support/temp-dir.ts";
import { WorkerProcess } from "../support/worker-process.ts";

/** Once such a wait was deaf to every signal but SIGKILL. */
test.each(["SIGTERM", "SIGINT"] as const)(
  "the wait for a config file that is a pipe ends with %p, without a word",
  async (signal) => {
    await using folder = await TempDir.create();
    const pipe = folder.join("pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    await using worker = await WorkerProcess.start({ flags: ["--config-file", pipe] });
    // Opened only once the worker has it open, too.
    const writer = await open(pipe, "w");
    expect(await worker.stop(signal)).toBe(0);
    expect(worker.stderr).toBe("");
    await writer.close();
  },
);

/** A closed terminal ends dev by SIGHUP; its worker, which has a session of its own, then ran on for ever. */
test.each(["SIGKILL", "SIGHUP"] as const)(
  "the worker of a dev that ends by %p stops gently",
  async (signal) => {
    await using dev = await WorkerProcess.start({
      flags: ["dev"],
      config: "worker_id: w\nbackend:\n  command: {dispatch_command: 'true'}\n",
    });
    await dev.waitForLog(/connected to the control plane/);
    dev.kill(signal);
    await dev.waitForLog(/ stopped$/m);
  },
);

test("dev takes a config file that is a pipe, and its worker has it too", async () => {
  await using folder = await TempDir.create();
  const pipe = folder.join("pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  await using dev = await WorkerProcess.start({
    flags: ["dev", "--prompt", "hello", "--exit-when-done", "--config-file", pipe],
  });
  const writer = await open(pipe, "w");
  await writer.write("worker_id: w\nbackend:\n  command: {dispatch_command: 'echo handed over'}\n");
  await writer.close();
  await dev.waitForLog(/worker ready workerId=w@dev backend=command/);
});
