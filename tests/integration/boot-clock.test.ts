/** The clock that starts of processes are compared with, where the system does not show it. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";

/** As systemd's ProcSubset=pid: of /proc there are processes, and nothing else. */
const APART = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];
const BARE = [...APART, "sh", "-c", 'mount -t proc -o subset=pid proc /proc && exec "$@"', "sh"];
const isAllowed = Bun.which("unshare") !== null && Bun.spawnSync([...BARE, "true"]).exitCode === 0;

// Once: what a short task had left was never ended there, for it was not known when the task had ended.
test.skipIf(!isAllowed)("the clock goes on where /proc does not show it", () => {
  const source = resolve(import.meta.dir, "../../src/process");
  const script = `import { startedAtNow } from "${source}/boot-clock.ts";
    import { readProcess } from "${source}/process-table.ts";
    console.log(startedAtNow() - Number(readProcess(process.pid).startedAt));`;
  const { stdout, stderr } = Bun.spawnSync([...BARE, process.execPath, "-e", script]);
  expect(stderr.toString()).toBe("");
  // Of a process that was started a moment ago.
  expect(Number(stdout.toString())).toBeWithin(0, 60 * 100);
});
