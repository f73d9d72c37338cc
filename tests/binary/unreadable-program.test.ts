/** A program that its user may run and not read, as `install -m 711` makes it for everybody but root. */
import { expect, test } from "bun:test";
import { chmodSync, copyFileSync } from "node:fs";
import { assignment } from "../support/assignments.ts";
import { DirectSite } from "../support/direct-site.ts";
import { UNPRIVILEGED, workerCommand } from "../support/worker-process.ts";

const [program = "", ...rest] = workerCommand();

// The kernel lets no other process follow /proc/PID/exe of such a one, its children among them: "the process that
// supervises the agents cannot be started: ENOENT". A setgid program is treated alike.
test.skipIf(process.platform !== "linux" || rest.length > 0)(
  "a program that may not be read starts its agents, and dev its worker",
  async () => {
    await using site = await DirectSite.create();
    const copy = site.dir.join("oz-agent-worker");
    copyFileSync(program, copy);
    chmodSync(copy, 0o111);
    // Whoever starts it has no powers left by which it could be read.
    const command = [...UNPRIVILEGED, "env", copy];
    await using worker = await site.start({ command });
    expect((await site.run(assignment())).state).toBe("completed");
    expect(await worker.stop()).toBe(0);
    const config = await site.dir.write("worker.yaml", site.config());
    const dev = ["dev", "--config-file", config, "--prompt", "hello", "--exit-when-done"];
    const run = Bun.spawnSync([...command, ...dev], {
      env: { PATH: process.env["PATH"] ?? "", HOME: site.dir.path, OTEL_METRICS_EXPORTER: "none" },
    });
    expect(run.stdout.toString()).toMatch(/completed "hello"/);
    expect(run.exitCode).toBe(0);
  },
);
