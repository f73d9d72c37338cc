/** Processes that are given their input by the shim, and whose last words it keeps. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { identify, isAlive, readProcess } from "../../src/process/process-table.ts";
import { ShimClient } from "../../src/process/shim/client.ts";
import { TAIL_BYTES } from "../../src/process/shim/output-tail.ts";
import { shimOf } from "../support/shims.ts";
import { TempDir } from "../support/temp-dir.ts";
import { eventually } from "../support/wait.ts";
import { SHIM_COMMAND } from "../unit/process/shim-daemon.ts";
import { descriptorsOf, linkOf, Spawned, softLimitOf, statOf } from "../unit/process/spawned.ts";

const ENV = { PATH: "/usr/bin:/bin" };

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

  async start(script: string, input = "") {
    const command = { argv: ["/bin/sh", "-c", script], cwd: this.dir.path, env: ENV };
    const exitFile = this.dir.join(crypto.randomUUID());
    const process = await this.client.spawn(command, exitFile, { input });
    this.spawned.add(process.identity);
    return { ...process, exitFile };
  }

  async run(script: string, input = "") {
    const process = await this.start(script, input);
    const exit = await process.exited;
    process.acknowledge();
    return exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.spawned[Symbol.dispose]();
    this.client[Symbol.dispose]();
    await this.dir[Symbol.asyncDispose]();
  }
}

const said = (stdout: string, stderr: string) => ({
  stdout: { text: stdout, cut: false },
  stderr: { text: stderr, cut: false },
});

describe("a process that is given input", () => {
  test("reads it whole, once, and what it says comes back with its exit status", async () => {
    await using rig = await Rig.create();
    const input = 'é\u2028"\\\n'.repeat(200_000);
    const exit = await rig.run('cat >in; cat | wc -c; echo "to stderr" >&2; exit 3', input);
    expect(exit).toEqual({ kind: "exited", status: 3, said: said("0\n", "to stderr\n") });
    expect(readFileSync(rig.dir.join("in"), "utf8")).toBe(input);
  });

  test("may open its streams again by name, as scripts do", async () => {
    await using rig = await Rig.create();
    const exit = await rig.run("cat /dev/stdin >/dev/stdout; echo e >/dev/stderr; cat <&0", "once");
    expect(exit).toEqual({ kind: "exited", status: 0, said: said("onceonce", "e\n") });
  });

  test.each(["exit 0", "exec <&-", "head -c 1 >/dev/null", "kill -KILL $$"])(
    "and ends without reading it, by %p, harms nobody",
    async (script) => {
      await using rig = await Rig.create();
      const exits = await Promise.all([1, 2, 3].map(() => rig.run(script, "x".repeat(1_000_000))));
      expect(exits.map(({ kind }) => kind)).toEqual(["exited", "exited", "exited"]);
      expect(await rig.run("cat", "still here")).toMatchObject({ said: said("still here", "") });
    },
  );

  test("and says without end costs no more than the end of it", async () => {
    await using rig = await Rig.create();
    const exit = await rig.run("head -c 20000000 /dev/zero | tr '\\0' x >&2; echo end >&2");
    expect(exit).toMatchObject({ status: 0, said: { stderr: { cut: true } } });
    const text = exit.kind === "exited" ? (exit.said?.stderr.text ?? "") : "";
    expect([text.length, text.endsWith("xxx" + "end\n")]).toEqual([TAIL_BYTES, true]);
  });

  test("is over when it ends, although what it left running holds its output open", async () => {
    await using rig = await Rig.create();
    const exit = await rig.run("echo said; sleep 300 & echo $! >left");
    expect(exit).toMatchObject({ status: 0, said: said("said\n", "") });
    const left = Number(readFileSync(rig.dir.join("left"), "utf8"));
    expect(existsSync(`/proc/${left}`)).toBe(true);
    process.kill(left, "SIGKILL");
  });

  // A dispatch's `agent &` ran until the worker had been idle for a minute, and was then ended by a broken pipe.
  test("leaves running what can write for as long as it likes, although the shim was let go of", async () => {
    await using rig = await Rig.create();
    const writer = "trap '' PIPE; while echo . >&2; do echo . >>wrote; sleep 0.01; done; : >broken";
    const held = await rig.start("exec sleep 300");
    await rig.run(`{ ${writer}; } & echo $! >left`);
    const shim = identify(readProcess(held.identity.pid)?.parentPid ?? 0);
    if (shim === null) throw new Error("no shim");
    rig.client[Symbol.dispose]();
    process.kill(held.identity.pid, "SIGKILL");
    // Its status is written by a shim that is alone, and would end with that.
    await eventually(() => existsSync(held.exitFile), "the status on disk");
    const wrote = () => statSync(rig.dir.join("wrote")).size;
    const enough = wrote() + 100;
    await eventually(() => wrote() > enough || existsSync(rig.dir.join("broken")), "lines to be written");
    expect(existsSync(rig.dir.join("broken"))).toBe(false);
    // It once kept the daemon's own output open for as long, and with it whoever read that to its end.
    expect([0, 1, 2].map((fd) => linkOf(shim.pid, `fd/${fd}`))).toEqual(Array(3).fill("/dev/null"));
    process.kill(Number(readFileSync(rig.dir.join("left"), "utf8")), "SIGKILL");
    await eventually(() => !isAlive(shim), "the shim's end");
  });

  test("has its input in memory and pipes to the shim, a group of its own, and nothing else open", async () => {
    await using rig = await Rig.create(900);
    const { identity } = await rig.start("exec sleep 300", "secret");
    // It has its name before it has opened its libraries: once it sleeps it is all there.
    const isAsleep = () =>
      readFileSync(`/proc/${identity.pid}/comm`, "utf8") === "sleep\n" && statOf(identity.pid)[0] === "S";
    await eventually(isAsleep, "the start");
    expect(linkOf(identity.pid, "fd/0")).toStartWith("/memfd:");
    expect([1, 2].map((fd) => linkOf(identity.pid, `fd/${fd}`).replace(/\d+/, "N"))).toEqual([
      "pipe:[N]",
      "pipe:[N]",
    ]);
    expect(descriptorsOf(identity.pid)).toEqual([0, 1, 2]);
    expect(softLimitOf(identity.pid)).toBe(900);
  });

  test("that cannot be started is refused, and costs the shim no descriptor", async () => {
    await using rig = await Rig.create();
    await rig.run("exit 0");
    const shim = shimOf(process.pid);
    const before = descriptorsOf(shim).length;
    for (let round = 0; round < 20; round++) {
      const command = { argv: ["/no/such"], cwd: "/", env: ENV };
      await expect(rig.client.spawn(command, null, { input: "input" })).rejects.toMatchObject({
        code: "ENOENT",
      });
      await rig.run("cat; echo said >&2", "x".repeat(100_000));
    }
    await eventually(
      () => descriptorsOf(shim).length <= before,
      () => `descriptors to close: ${descriptorsOf(shim)}`,
    );
  });

  // Of the higher limit the shim once took more for free than was: 200 slow dispatches at once, or as many that had left
  // something running, and none could be started any more.
  test.each([
    [100, 60],
    [300, 70],
  ])("finds the limit of %i open files that it is to have, although %i others run", async (limit, others) => {
    await using rig = await Rig.create(limit);
    const start = () => rig.start("exec sleep 300", "x");
    const all = await Promise.all(Array.from({ length: others + 1 }, start));
    for (const { identity } of all) {
      await eventually(() => readFileSync(`/proc/${identity.pid}/comm`, "utf8") === "sleep\n", "the start");
      expect(softLimitOf(identity.pid)).toBe(limit);
    }
  });
});
