/** Where /proc shows less than usual, or other than the kernel knows. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { TempDir } from "../support/temp-dir.ts";

const APART = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];
const PROC = "mount -t proc proc /proc";
const BARE = `${PROC} -o subset=pid`;

const isAllowed = Bun.which("unshare") !== null && Bun.spawnSync([...APART, "sh", "-c", PROC]).exitCode === 0;

/** What a script prints where `mount` was done to /proc; `uptime` is a file's name, and `$0` there. */
async function run(mount: string, script: string): Promise<unknown> {
  await using dir = await TempDir.create("proc");
  const uptime = await dir.write("uptime", "99999999.99 0.00\n");
  const source = resolve(import.meta.dir, "../../src/process");
  const imports = `import { readdirSync } from "node:fs";
    import { startedAtNow } from "${source}/boot-clock.ts";
    import { identify, isAlive, readProcess } from "${source}/process-table.ts";`;
  const program = [process.execPath, "-e", `${imports} ${script}`];
  const { stdout, stderr } = Bun.spawnSync([
    ...APART,
    "sh",
    "-c",
    `${mount} && exec "$@"`,
    uptime,
    ...program,
  ]);
  expect(stderr.toString()).toBe("");
  return JSON.parse(stdout.toString());
}

// Once: what a short task had left was never ended in either, for it was not known when the task had ended.
test.skipIf(!isAllowed).each([
  ["does not show it, as with systemd's ProcSubset=pid", BARE],
  ["shows another, as in a container of LXC", `${PROC} && mount --bind "$0" /proc/uptime`],
])(
  "the clock that starts of processes are compared with goes on where /proc %s, and holds nothing",
  async (_, mount) => {
    const found = await run(
      mount,
      `const age = startedAtNow() - Number(readProcess(process.pid).startedAt);
    const before = readdirSync("/proc/self/fd").length;
    for (let asked = 0; asked < 10; asked++) startedAtNow();
    console.log(JSON.stringify({ age, kept: readdirSync("/proc/self/fd").length - before }));`,
    );
    // Of a process that was started a moment ago.
    expect(found).toEqual({ age: expect.any(Number), kept: 0 });
    expect(Object(found).age).toBeWithin(0, 60 * 100);
  },
);

// Once: agents of a worker that was killed were ended as lost by the next one, whose service had been hardened since.
test.skipIf(!isAllowed)(
  "a process is known again where the id of the boot cannot be read any more",
  async () => {
    const known = 'isAlive({ ...identify(process.pid), bootId: "as it was read before" })';
    expect(await run(BARE, `console.log(JSON.stringify(${known}));`)).toBe(true);
  },
);

/** A /proc that shows a user nobody else's processes, and somebody who is not the one that runs the tests. */
const HIDDEN = [
  ...["unshare", "--mount", "sh", "-c", `${PROC} -o hidepid=2 && exec "$@"`, "sh"],
  ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
];
const OWNERSHIP = resolve(import.meta.dir, "../../src/backends/docker/ownership");
const evaluated = (script: string) => Bun.spawnSync([...HIDDEN, process.execPath, "-e", script]);
const canHide =
  process.getuid?.() === 0 && evaluated(`await import("${OWNERSHIP}/census.ts")`).exitCode === 0;

// Once: two workers of one id, as the users of two services that were hardened so (ProtectProc=invisible). The second
// took a running task from the first, and each of them reported it.
test.skipIf(!canHide)("a worker of another user that is out of sight is not taken for dead", async () => {
  const script = `import { Census } from "${OWNERSHIP}/census.ts";
    import { describeSelf } from "${OWNERSHIP}/owner.ts";
    const census = new Census(describeSelf("me", ""), { find: () => Promise.reject(new Error("not asked")) });
    const lifeOf = (pid) => census.lifeOf({ ...describeSelf("other", ""), pid }, AbortSignal.timeout(5_000));
    console.log(JSON.stringify([await lifeOf(${process.pid}), await lifeOf(2 ** 22 - 1)]));`;
  const { stdout, stderr } = evaluated(script);
  expect([JSON.parse(stdout.toString()), stderr.toString()]).toEqual([["unknown", "dead"], ""]);
});
