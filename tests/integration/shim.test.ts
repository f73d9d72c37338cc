/** The client with the real shim: what its processes look like, and how each end is learned. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { birthmarkOf, readBirthmark } from "../../src/process/birthmark.ts";
import { identify, isAlive, readProcess } from "../../src/process/process-table.ts";
import { ShimClient, type Supervised } from "../../src/process/shim/client.ts";
import { SpawnRefused } from "../../src/process/shim/refused.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually, within } from "../support/wait.ts";
import { SHIM_COMMAND } from "../unit/process/shim-daemon.ts";
import {
  descriptorsOf,
  environmentOf,
  linkOf,
  oomScoreOf,
  Spawned,
  softLimitOf,
  statOf,
  statusOf,
} from "../unit/process/spawned.ts";

const ENV = { PATH: "/usr/bin:/bin", PWD: "/" };

class Rig implements AsyncDisposable {
  readonly client: ShimClient;
  readonly spawned = new Spawned();
  readonly dir: TempDir;

  private constructor(dir: TempDir, openFiles: number) {
    this.dir = dir;
    this.client = new ShimClient({ command: SHIM_COMMAND, openFiles });
  }

  static async create(openFiles = 1024): Promise<Rig> {
    return new Rig(await TempDir.create("shim"), openFiles);
  }

  async spawn(
    argv: readonly string[],
    exitFile: string | null = this.dir.join(crypto.randomUUID()),
    env = ENV,
  ): Promise<Supervised> {
    const started = await this.client.spawn({ argv, cwd: "/", env }, exitFile);
    this.spawned.add(started.identity);
    return started;
  }

  sh(script: string, exitFile?: string | null): Promise<Supervised> {
    return this.spawn(["/bin/sh", "-c", script], exitFile);
  }

  /** A process that runs its own program by the time that this resolves. */
  async sleeper(exitFile?: string | null, env = ENV): Promise<Supervised> {
    const started = await this.spawn(["/bin/sleep", "1000"], exitFile, env);
    const { pid } = started.identity;
    // It has its name before its environment, and opens its libraries after that: once it sleeps it is all there.
    await eventually(
      async () => (await Bun.file(`/proc/${pid}/comm`).text()) === "sleep\n" && statOf(pid)[0] === "S",
      "the start",
    );
    return started;
  }

  shimOf({ identity }: Supervised): number {
    return readProcess(identity.pid)?.parentPid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client[Symbol.dispose]();
    this.spawned[Symbol.dispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}

afterEach(() => void jest.useRealTimers());

describe("the end of a process", () => {
  test.each([
    ["exit 0", 0],
    ["exit 1", 1],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
    ["kill -HUP $$", 129],
    ["kill -SEGV $$", 139],
  ])("by %s is the status %p", async (script, status) => {
    await using rig = await Rig.create();
    const started = await rig.sh(script);
    expect(await started.exited).toEqual({ kind: "exited", status });
  });

  test("of fifty that run at once is told apart", async () => {
    await using rig = await Rig.create();
    const statuses = Array.from({ length: 50 }, (_, n) => n);
    const started = await Promise.all(statuses.map((status) => rig.sh(`exit ${status}`)));
    const exits = await Promise.all(started.map(({ exited }) => exited));
    expect(exits).toEqual(statuses.map((status) => ({ kind: "exited", status })));
    expect(new Set(started.map(({ identity }) => identity.pid)).size).toBe(50);
  });
});

describe("a process", () => {
  test("has exactly the environment that it was given", async () => {
    await using rig = await Rig.create();
    const env = { PATH: "/bin", PWD: "/", ODD: "a=b\n'\"$(x) ü", EMPTY: "" };
    const { identity } = await rig.sleeper(null, env);
    expect(environmentOf(identity.pid)).toEqual(
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .toSorted(),
    );
  });

  test("leads a session and a group of its own, reads nothing, and holds no descriptor but the three", async () => {
    await using rig = await Rig.create();
    const { identity } = await rig.sleeper();
    const [, , group, session] = statOf(identity.pid);
    expect([group, session]).toEqual([`${identity.pid}`, `${identity.pid}`]);
    expect(linkOf(identity.pid, "fd/0")).toBe("/dev/null");
    expect(linkOf(identity.pid, "cwd")).toBe("/");
    expect(descriptorsOf(identity.pid)).toEqual([0, 1, 2]);
  });

  test("has every signal at its default and none blocked", async () => {
    await using rig = await Rig.create();
    const { identity } = await rig.sleeper();
    for (const field of ["SigIgn", "SigBlk"])
      expect([field, statusOf(identity.pid, field)]).toEqual([field, "0".repeat(16)]);
  });

  test("is named by pid, start time and boot", async () => {
    await using rig = await Rig.create();
    const { identity } = await rig.sleeper();
    expect(identify(identity.pid)).toEqual(identity);
    expect(isAlive(identity)).toBe(true);
  });

  test("has the daemon's soft limit of open files, whichever way it is lowered, and no variable more for it", async () => {
    await using rig = await Rig.create(70);
    const started = await Promise.all(Array.from({ length: 10 }, () => rig.sleeper(null)));
    expect(started.map(({ identity }) => softLimitOf(identity.pid))).toEqual(Array(10).fill(70));
    expect(softLimitOf(rig.shimOf(started[0] ?? (await rig.sleeper())))).toBeGreaterThan(70);
    for (const { identity } of started)
      expect(environmentOf(identity.pid)).toEqual(["PATH=/usr/bin:/bin", "PWD=/"]);
  });

  test("has the birthmark of the mark that was asked for, which its shim and the next one have not", async () => {
    await using rig = await Rig.create();
    const mark = crypto.randomUUID();
    const command = { argv: ["/bin/sleep", "1000"], cwd: "/", env: ENV };
    const marked = await rig.client.spawn(command, null, { mark });
    rig.spawned.add(marked.identity);
    const unmarked = await rig.sleeper();
    expect(readBirthmark(marked.identity.pid)).toBe(birthmarkOf(mark));
    expect([rig.shimOf(marked), unmarked.identity.pid].map(readBirthmark)).toEqual([null, null]);
  });

  // In a control group of 64 MB, with an agent that took all of it, the kernel ended the worker, which is larger at first.
  test("is ended by the kernel before its shim and what has no mark, when memory is short", async () => {
    await using rig = await Rig.create();
    const command = { argv: ["/bin/sleep", "1000"], cwd: "/", env: ENV };
    const marked = await rig.client.spawn(command, null, { mark: crypto.randomUUID() });
    rig.spawned.add(marked.identity);
    const unmarked = await rig.sleeper();
    const own = oomScoreOf(process.pid);
    const others = [rig.shimOf(marked), unmarked.identity.pid];
    expect([marked.identity.pid, ...others].map(oomScoreOf)).toEqual([Math.min(own + 500, 1_000), own, own]);
  });

  test("gets its arguments as they are", async () => {
    await using rig = await Rig.create();
    const { identity } = await rig.spawn(["/bin/sh", "-c", "exec sleep 1000", "a b", "$(x)", "", "é\n"]);
    await eventually(
      () =>
        Bun.file(`/proc/${identity.pid}/cmdline`)
          .text()
          .then((line) => line !== ""),
      "the start",
    );
    const other = await rig.spawn([
      "/bin/sh",
      "-c",
      'printf "%s|" "$@" >"$0"',
      rig.dir.join("args"),
      "a b",
      "$(x)",
      "",
      "é\n",
    ]);
    await other.exited;
    expect(await Bun.file(rig.dir.join("args")).text()).toBe("a b|$(x)||é\n|");
  });
});

describe("a program that cannot be started is refused by the system's name", () => {
  test.each<[string, string[], string, string]>([
    ["that is not there", ["/nowhere/oz"], "/", "ENOENT"],
    ["in a folder that is not there", ["/bin/true"], "/nowhere", "ENOENT"],
    ["that is a folder", ["/tmp"], "/", "EACCES"],
    ["that may not be executed", ["/etc/passwd"], "/", "EACCES"],
    ["with an argument that is too long", ["/bin/true", "x".repeat(3_000_000)], "/", "E2BIG"],
  ])("%s", async (_what, argv, cwd, code) => {
    await using rig = await Rig.create();
    const refusal = await rig.client
      .spawn({ argv, cwd, env: ENV }, rig.dir.join("x"))
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SpawnRefused);
    expect(refusal).toMatchObject({ code });
    // And the shim goes on.
    expect(await (await rig.sh("exit 3")).exited).toEqual({ kind: "exited", status: 3 });
  });

  test("with a NUL in its environment, whatever that is called", async () => {
    await using rig = await Rig.create();
    const env = { ...ENV, A: "x\u0000y" };
    await expect(rig.client.spawn({ argv: ["/bin/true"], cwd: "/", env }, null)).rejects.toBeInstanceOf(
      SpawnRefused,
    );
  });
});

describe("a shim that is killed", () => {
  test("loses the ends of its processes, which go on, and the next process gets a new shim", async () => {
    await using rig = await Rig.create();
    const running = await Promise.all([rig.sleeper(), rig.sleeper()]);
    const shim = rig.shimOf(running[0]);
    process.kill(shim, "SIGKILL");
    expect(await Promise.all(running.map(({ exited }) => exited))).toEqual([
      { kind: "lost" },
      { kind: "lost" },
    ]);
    expect(running.map(({ identity }) => isAlive(identity))).toEqual([true, true]);
    const next = await rig.sleeper();
    expect(rig.shimOf(next)).not.toBe(shim);
  });

  test("in the moment of a spawn is a refusal, not a wait for ever", async () => {
    await using rig = await Rig.create();
    process.kill(rig.shimOf(await rig.sleeper()), "SIGKILL");
    await expect(within(rig.sleeper(), "an answer")).rejects.toMatchObject({ code: "ESHIM" });
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const)(
    "by %s, as a service manager sends it to all, lives on",
    async (signal) => {
      await using rig = await Rig.create();
      const running = await rig.sleeper();
      process.kill(rig.shimOf(running), signal);
      expect(await (await rig.sh("exit 5")).exited).toEqual({ kind: "exited", status: 5 });
      process.kill(running.identity.pid, "SIGTERM");
      expect(await running.exited).toEqual({ kind: "exited", status: 143 });
    },
  );
});

describe("an idle shim", () => {
  test("stays as long as a status is still to be kept", async () => {
    jest.useFakeTimers();
    await using rig = await Rig.create();
    const first = await rig.sh("exec sleep 1000");
    const shim = identify(rig.shimOf(first));
    if (shim === null) throw new Error("no shim");
    process.kill(first.identity.pid, "SIGKILL");
    await first.exited;
    jest.advanceTimersByTime(120_000);
    expect((await (await rig.sh("exit 0")).exited).kind).toBe("exited");
    first.acknowledge();
    // The second one is not acknowledged yet: its status is still to be kept.
    jest.advanceTimersByTime(120_000);
    expect(isAlive(shim)).toBe(true);
  });

  test("is gone when nothing is to be kept", async () => {
    jest.useFakeTimers();
    await using rig = await Rig.create();
    const first = await rig.sh("exec sleep 1000");
    const shim = identify(rig.shimOf(first));
    if (shim === null) throw new Error("no shim");
    process.kill(first.identity.pid, "SIGKILL");
    await first.exited;
    first.acknowledge();
    jest.advanceTimersByTime(59_999);
    expect(isAlive(shim)).toBe(true);
    jest.advanceTimersByTime(1);
    jest.useRealTimers();
    await eventually(() => !isAlive(shim), "the shim's end");
    expect(await (await rig.sh("exit 4")).exited).toEqual({ kind: "exited", status: 4 });
  });

  // Once: each acknowledgement of a lost process starts an idle timer and forgets the one before. That one
  // then ends the shim of whatever was started meanwhile; its exit is never heard and its task never ends.
  test("is not what a shim is whose predecessor was killed with two processes", async () => {
    jest.useFakeTimers();
    await using rig = await Rig.create();
    const lost = await Promise.all([rig.sh("exec sleep 1000"), rig.sh("exec sleep 1000")]);
    process.kill(rig.shimOf(lost[0]), "SIGKILL");
    await Promise.all(lost.map(({ exited }) => exited));
    for (const process of lost) process.acknowledge();
    const next = await rig.sh("exec sleep 1000");
    jest.advanceTimersByTime(60_000);
    jest.useRealTimers();
    process.kill(next.identity.pid, "SIGTERM");
    expect(await within(next.exited, "the exit", 1_500)).toEqual({ kind: "exited", status: 143 });
  });
});
