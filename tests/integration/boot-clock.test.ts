/** The clock that starts of processes are compared with, where the system does not show it. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { TempDir } from "../support/temp-dir.ts";

const APART = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];
const PROC = "mount -t proc proc /proc";

/** What is done to /proc; `$0` shows another time. */
const PROCS: readonly (readonly [string, string])[] = [
  // Once: what a short task had left was never ended in either, for it was not known when the task had ended.
  ["does not show it, as with systemd's ProcSubset=pid", `${PROC} -o subset=pid`],
  ["shows another, as in a container of LXC", `${PROC} && mount --bind "$0" /proc/uptime`],
];

const isAllowed = Bun.which("unshare") !== null && Bun.spawnSync([...APART, "sh", "-c", PROC]).exitCode === 0;

test.skipIf(!isAllowed).each(PROCS)(
  "the clock goes on where /proc %s, and holds nothing",
  async (_, mount) => {
    await using dir = await TempDir.create("clock");
    const uptime = await dir.write("uptime", "99999999.99 0.00\n");
    const source = resolve(import.meta.dir, "../../src/process");
    const script = `import { readdirSync } from "node:fs";
    import { startedAtNow } from "${source}/boot-clock.ts";
    import { readProcess } from "${source}/process-table.ts";
    const age = startedAtNow() - Number(readProcess(process.pid).startedAt);
    const before = readdirSync("/proc/self/fd").length;
    for (let asked = 0; asked < 10; asked++) startedAtNow();
    console.log(JSON.stringify([age, readdirSync("/proc/self/fd").length - before]));`;
    const argv = [...APART, "sh", "-c", `${mount} && exec "$@"`, uptime, process.execPath, "-e", script];
    const { stdout, stderr } = Bun.spawnSync(argv);
    expect(stderr.toString()).toBe("");
    const [age, kept] = JSON.parse(stdout.toString());
    // Of a process that was started a moment ago.
    expect(age).toBeWithin(0, 60 * 100);
    expect(kept).toBe(0);
  },
);
