/** A program that was started by one which ignores signals, as children inherit it. */
import { expect, test } from "bun:test";
import { DirectSite } from "../support/direct-site.ts";
import { workerCommand } from "../support/worker-process.ts";

// The kernel keeps no exit status for who ignores SIGCHLD: "ECHILD: unknown error, waitpid", and status 1.
test("dev knows how its worker ended although SIGCHLD was ignored by whoever started it", async () => {
  await using site = await DirectSite.create();
  const config = await site.dir.write("worker.yaml", site.config());
  const dev = ["dev", "--config-file", config, "--prompt", "hello", "--exit-when-done"];
  const deaf = ["env", "--ignore-signal=CHLD"];
  const run = Bun.spawnSync([...deaf, ...workerCommand(), ...dev], {
    env: { PATH: process.env["PATH"] ?? "", HOME: site.dir.path, OTEL_METRICS_EXPORTER: "none" },
  });
  expect(run.stderr.toString()).not.toContain("ECHILD");
  expect(run.stdout.toString()).toMatch(/completed "hello"/);
  expect(run.exitCode).toBe(0);
});
