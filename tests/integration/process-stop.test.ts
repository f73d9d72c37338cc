/** The end of a real tree of processes: gently first, and nothing is left. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { identify, isAlive, type ProcessIdentity } from "../../src/process/process-table.ts";
import { groupIsEmpty, killTree, type ProcessTree, stopTree } from "../../src/process/process-tree.ts";
import { Surveyor } from "../../src/process/stragglers.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { Spawned } from "../unit/process/spawned.ts";

const NAME = "STOP_TEST_MARK";
// Short sleeps: one that is forked in the moment of a SIGTERM misses it, and the shell runs its trap only after it.
const FOR_EVER = "while :; do sleep 0.1; done";

interface Started {
  readonly tree: ProcessTree;
  readonly exited: Promise<number>;
  readonly dir: TempDir;
  /** The leader and every process that the script noted with `note`. */
  readonly all: readonly ProcessIdentity[];
  alive(): number;
}

/** Runs a script that has `note PID` for its children and says `ready` when they are there. */
async function start(dir: TempDir, spawned: Spawned, script: string): Promise<Started> {
  const mark = `${dir.path}/mark-${crypto.randomUUID()}`;
  const prelude = 'note() { echo "$1" >>"$DIR/pids"; }; ready() { : >"$DIR/ready"; }\n';
  const child = Bun.spawn(["/bin/sh", "-c", prelude + script], {
    env: { PATH: "/usr/bin:/bin", DIR: dir.path, [NAME]: mark },
    stdio: ["ignore", "ignore", "ignore"],
    detached: true,
  });
  const leader = spawned.add(identify(child.pid));
  await eventually(() => Bun.file(dir.join("ready")).exists(), "the script to be ready");
  const noted = (await Bun.file(dir.join("pids")).exists())
    ? readFileSync(dir.join("pids"), "utf8").trim().split("\n")
    : [];
  const all = [leader, ...noted.map((pid) => spawned.add(identify(Number(pid))))].filter(
    (each) => each !== null,
  );
  const tree = { groupId: child.pid, mark: `${NAME}=${mark}`, leaderExited: child.exited };
  return { tree, exited: child.exited, dir, all, alive: () => all.filter(isAlive).length };
}

const stop = (tree: ProcessTree, graceMs: number, hurry = new AbortController().signal) =>
  within(stopTree(tree, { surveyor: new Surveyor([NAME]), graceMs, hurry }), "the stop");

describe("a stop", () => {
  test("ends a plain process by SIGTERM", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const { tree, exited, alive } = await start(dir, spawned, "ready; exec sleep 1000");
    await stop(tree, 60_000);
    expect([await exited, alive(), groupIsEmpty(tree.groupId)]).toEqual([143, 0, true]);
  });

  test("is heard by a process that somebody stopped", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const script = `trap ': >"$DIR/worked"; exit 9' TERM; ready; ${FOR_EVER}`;
    const { tree, exited } = await start(dir, spawned, script);
    process.kill(-tree.groupId, "SIGSTOP");
    await stop(tree, 60_000);
    expect([await exited, await Bun.file(dir.join("worked")).exists()]).toEqual([9, true]);
  });

  test("leaves the time for its work to a process that wants it", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const script = `trap 'sleep 0.2; : >"$DIR/worked"; exit 9' TERM; ready; ${FOR_EVER}`;
    const { tree, exited } = await start(dir, spawned, script);
    await stop(tree, 60_000);
    expect([await exited, await Bun.file(dir.join("worked")).exists()]).toEqual([9, true]);
  });

  test("kills a process that does not listen, after the grace period", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const { tree, exited, alive } = await start(dir, spawned, `trap '' TERM; ready; ${FOR_EVER}`);
    await stop(tree, 150);
    expect([await exited, alive()]).toEqual([137, 0]);
  });

  test("does not wait for the grace period when it has to hurry", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const { tree, exited, alive } = await start(
      dir,
      spawned,
      `trap ': >"$DIR/asked"' TERM; ready; ${FOR_EVER}`,
    );
    const hurry = new AbortController();
    const stopping = stop(tree, 600_000, hurry.signal);
    await eventually(() => Bun.file(dir.join("asked")).exists(), "the SIGTERM");
    expect(alive()).toBe(1);
    hurry.abort();
    await stopping;
    expect([await exited, alive()]).toEqual([137, 0]);
  });

  test("ends grandchildren too, those that do not listen and those whose parent has gone", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const deaf = `sh -c 'trap "" TERM; echo $$ >>"$DIR/pids"; : >"$DIR/deaf"; ${FOR_EVER}' &`;
    const orphan = `(sleep 1000 & note $!) &`;
    const script = `${deaf} ${orphan}\nuntil [ -e "$DIR/deaf" ] && [ "$(wc -l <"$DIR/pids")" = 2 ]; do sleep 0.01; done; ready; exec sleep 1000`;
    const { tree, all, alive } = await start(dir, spawned, script);
    expect([all.length, alive()]).toEqual([3, 3]);
    await stop(tree, 150);
    expect(alive()).toBe(0);
  });

  test("ends a grandchild in a session of its own, and waits for its work as well", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const away = `setsid sh -c 'trap "sleep 0.2; : >\\"$DIR/worked\\"; exit" TERM; echo $$ >>"$DIR/pids"; ${FOR_EVER}' &`;
    const script = `${away}\nuntil [ -s "$DIR/pids" ]; do sleep 0.01; done; ready; exec sleep 1000`;
    const { tree, all, alive } = await start(dir, spawned, script);
    expect([all.length, alive()]).toEqual([2, 2]);
    await stop(tree, 60_000);
    expect([alive(), await Bun.file(dir.join("worked")).exists()]).toEqual([0, true]);
  });

  test("kills a deaf grandchild in a session of its own", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const away = `setsid sh -c 'trap "" TERM; echo $$ >>"$DIR/pids"; ${FOR_EVER}' &`;
    const script = `${away}\nuntil [ -s "$DIR/pids" ]; do sleep 0.01; done; ready; exec sleep 1000`;
    const { tree, alive } = await start(dir, spawned, script);
    await stop(tree, 150);
    expect(alive()).toBe(0);
  });

  test("does not touch another task's tree", async () => {
    await using dir = await TempDir.create("stop");
    await using otherDir = await TempDir.create("stop");
    using spawned = new Spawned();
    const one = await start(dir, spawned, "ready; exec sleep 1000");
    const other = await start(otherDir, spawned, "ready; exec sleep 1000");
    await stop(one.tree, 60_000);
    expect([one.alive(), other.alive()]).toEqual([0, 1]);
  });

  test("of thirty trees at once ends them all", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const dirs = await Promise.all(Array.from({ length: 30 }, (_, n) => dir.mkdir(`t${n}`)));
    const trees = dirs.map((path) => {
      const child = Bun.spawn(["/bin/sleep", "1000"], {
        env: { [NAME]: path },
        detached: true,
        stdio: ["ignore", "ignore", "ignore"],
      });
      spawned.add(identify(child.pid));
      return { groupId: child.pid, mark: `${NAME}=${path}`, leaderExited: child.exited };
    });
    const surveyor = new Surveyor([NAME]);
    const hurry = new AbortController().signal;
    await within(
      Promise.all(trees.map((tree) => stopTree(tree, { surveyor, graceMs: 60_000, hurry }))),
      "the stops",
    );
    expect(await Promise.all(trees.map(({ leaderExited }) => leaderExited))).toEqual(Array(30).fill(143));
  });

  test("of what has ended already does nothing", async () => {
    await using dir = await TempDir.create("stop");
    using spawned = new Spawned();
    const { tree, exited } = await start(dir, spawned, "ready");
    await exited;
    await stop(tree, 60_000);
    await within(killTree(tree, new Surveyor([NAME])), "the kill");
  });
});

test("a process that forks without end is caught by the looks that follow", async () => {
  await using dir = await TempDir.create("stop");
  using spawned = new Spawned();
  const script = `trap '' TERM; ready; while :; do sleep 1000 & sleep 0.01; done`;
  const { tree } = await start(dir, spawned, script);
  await stop(tree, 100);
  await eventually(() => groupIsEmpty(tree.groupId), "the group to be empty");
});

test("the limit of open files that a process was started under is read from its parent", async () => {
  const file = new URL("../../src/process/open-files.ts", import.meta.url).pathname;
  const code = `const { inheritedOpenFilesLimit } = await import("${file}"); console.log(inheritedOpenFilesLimit())`;
  // The shell stays, so that it is the parent.
  const child = Bun.spawn(
    ["/bin/sh", "-c", 'ulimit -Sn 333; "$0" -e "$1"; exit $?', process.execPath, code],
    {
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  expect((await new Response(child.stdout).text()).trim()).toBe("333");
});
